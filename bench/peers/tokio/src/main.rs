// SPDX-License-Identifier: MIT

//! Tokio's current_thread runtime: stackless tasks polled in one thread, joined by their handles.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot, Mutex, Notify};
use tokio::task::{spawn, yield_now, JoinSet};

const OPERATIONS: usize = 200_000;

fn print(metric: &str, value: f64) {
    println!("{metric}\t{value:.3}");
}

fn per(begin: Instant, count: usize) -> f64 {
    begin.elapsed().as_nanos() as f64 / count as f64
}

/// ns an operation of `$run(count)`, awaited, after a tenth of it as a warm-up.
macro_rules! timed {
    ($run:expr, $count:expr) => {{
        $run($count / 10 + 1).await;
        let begin = Instant::now();
        $run($count).await;
        per(begin, $count)
    }};
}

fn memory(field: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * 1024
}

/// The nth CPU of those we were given, modulo their number.
fn pin(nth: usize) {
    unsafe {
        let mut given: libc::cpu_set_t = std::mem::zeroed();
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, std::mem::size_of_val(&given), &mut given);
        let cpus: Vec<usize> = (0..1024).filter(|&cpu| libc::CPU_ISSET(cpu, &given)).collect();
        libc::CPU_SET(cpus[nth % cpus.len()], &mut one);
        libc::sched_setaffinity(0, std::mem::size_of_val(&one), &one);
    }
}

fn random(s: &mut u64) -> u64 {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    *s
}

async fn yields(tasks: usize, count: usize) {
    let all: Vec<_> = (0..tasks)
        .map(|_| {
            spawn(async move {
                for _ in 0..count / tasks + 1 {
                    yield_now().await;
                }
            })
        })
        .collect();
    for task in all {
        task.await.unwrap();
    }
}

async fn one_by_one(count: usize) {
    for _ in 0..count {
        spawn(async {}).await.unwrap();
    }
}

async fn fan(count: usize) {
    let all: Vec<_> = (0..count).map(|_| spawn(async {})).collect();
    for task in all {
        task.await.unwrap();
    }
}

async fn groups(count: usize) {
    for _ in (0..count).step_by(1000) {
        let mut group = JoinSet::new();
        for _ in 0..1000 {
            group.spawn(async {});
        }
        while group.join_next().await.is_some() {}
    }
}

/// Each side sends the receiver of its next turn along with the value.
struct Turn(Option<oneshot::Sender<Turn>>);

async fn handover(count: usize) {
    async fn side(mut rx: oneshot::Receiver<Turn>) {
        while let Ok(Turn(Some(other))) = rx.await {
            let (tx, next) = oneshot::channel();
            if other.send(Turn(Some(tx))).is_err() {
                break;
            }
            rx = next;
        }
    }
    async fn counting(first: oneshot::Sender<Turn>, count: usize) {
        let (tx, mut rx) = oneshot::channel();
        first.send(Turn(Some(tx))).ok();
        for _ in 0..count / 2 {
            let Turn(other) = rx.await.ok().unwrap();
            let (tx, next) = oneshot::channel();
            other.unwrap().send(Turn(Some(tx))).ok();
            rx = next;
        }
    }
    let (tx, rx) = oneshot::channel();
    let a = spawn(side(rx));
    let b = spawn(counting(tx, count));
    b.await.unwrap();
    a.await.unwrap();
}

async fn lock(count: usize) {
    let free = Mutex::new(());
    for _ in 0..count {
        drop(free.lock().await);
    }
}

/// Tokio's mutex queues its waiters too.
async fn lock_handover(count: usize) {
    async fn body(contended: Arc<Mutex<()>>, count: usize) {
        let mut guard = contended.lock().await;
        yield_now().await;
        for _ in 0..count / 2 {
            drop(guard);
            guard = contended.lock().await;
        }
        drop(guard);
    }
    let contended = Arc::new(Mutex::new(()));
    let a = spawn(body(contended.clone(), count));
    let b = spawn(body(contended, count));
    a.await.unwrap();
    b.await.unwrap();
}

async fn queue_pingpong(count: usize) {
    let (there, mut arrived) = mpsc::channel::<usize>(1);
    let (back, mut returned) = mpsc::channel::<usize>(1);
    let echo = spawn(async move {
        while let Some(item) = arrived.recv().await {
            back.send(item).await.unwrap();
        }
    });
    for i in 0..count / 2 {
        there.send(i).await.unwrap();
        returned.recv().await.unwrap();
    }
    drop(there);
    echo.await.unwrap();
}

async fn queue_stream(count: usize) {
    let (put, mut get) = mpsc::channel::<usize>(128);
    let sink = spawn(async move { while get.recv().await.is_some() {} });
    for i in 0..count {
        put.send(i).await.unwrap();
    }
    drop(put);
    sink.await.unwrap();
}

async fn ready() {}

async fn without_timeout(count: usize) {
    for _ in 0..count {
        ready().await;
    }
}

async fn with_timeout(count: usize) {
    for _ in 0..count {
        tokio::time::timeout(Duration::from_secs(1), ready()).await.unwrap();
    }
}

struct Nobody;
impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

async fn timers(count: usize) {
    let waker = Waker::from(Arc::new(Nobody));
    let mut cx = Context::from_waker(&waker);
    let base = tokio::time::Instant::now() + Duration::from_secs(100);
    let mut seed = 88172645463325252u64;
    let mut armed: Vec<Pin<Box<tokio::time::Sleep>>> = Vec::with_capacity(count);
    for _ in 0..count {
        let when = base + Duration::from_nanos(random(&mut seed) >> 24);
        let mut sleep = Box::pin(tokio::time::sleep_until(when));
        assert!(sleep.as_mut().poll(&mut cx) == Poll::Pending);
        armed.push(sleep);
    }
    let begin = Instant::now();
    for _ in 0..OPERATIONS {
        let when = base + Duration::from_nanos(random(&mut seed) >> 24);
        let sleep = tokio::time::sleep_until(when);
        let mut sleep = Box::pin(sleep);
        assert!(sleep.as_mut().poll(&mut cx) == Poll::Pending);
    }
    print("timer-newest", per(begin, OPERATIONS));
    let begin = Instant::now();
    for _ in 0..OPERATIONS {
        let draw = random(&mut seed);
        let victim = &mut armed[draw as usize % count];
        victim.as_mut().reset(base + Duration::from_nanos(draw >> 24));
    }
    print("timer-random", per(begin, OPERATIONS));
    std::process::exit(0);
}

async fn parked(count: usize) {
    let never: &'static Notify = Box::leak(Box::new(Notify::new()));
    let (rss, tables, begin) = (memory("VmRSS:"), memory("VmPTE:"), Instant::now());
    for i in 0..count {
        spawn(never.notified());
        if i % 1000 == 999 {
            yield_now().await;
        }
    }
    yield_now().await;
    print("parked-time", per(begin, count));
    let (rss, tables) = (memory("VmRSS:") - rss, memory("VmPTE:") - tables);
    print("parked-rss", rss as f64 / count as f64);
    print("parked-total", (rss + tables) as f64 / count as f64);
    std::process::exit(0);
}

static RAN: AtomicUsize = AtomicUsize::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

fn remote(handle: &Handle, count: usize) {
    let begin = RAN.load(Ordering::Relaxed);
    for i in 0..count {
        while begin + i - RAN.load(Ordering::Acquire) >= 1024 {}
        handle.spawn(async {
            RAN.fetch_add(1, Ordering::Release);
        });
    }
    while RAN.load(Ordering::Acquire) < begin + count {
        std::hint::spin_loop();
    }
}

fn roundtrip(handle: &Handle, count: usize) {
    for _ in 0..count {
        let (tx, rx) = std::sync::mpsc::sync_channel(1);
        handle.spawn(async move { tx.send(42).unwrap() });
        assert!(rx.recv().unwrap() == 42);
    }
}

/// The runtime turns in a thread of its own, always busy or asleep; we call it from this one.
fn threads(rt: Runtime, busy: bool, run: fn(&Handle, usize), count: usize) -> f64 {
    let handle = rt.handle().clone();
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || {
        pin(0);
        rt.block_on(async move {
            if busy {
                while !STOP.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            }
            stopped.notified().await;
        })
    });
    pin(1);
    run(&handle, count / 10 + 1);
    let begin = Instant::now();
    run(&handle, count);
    let ns = per(begin, count);
    STOP.store(true, Ordering::Relaxed);
    stop.notify_one();
    thread.join().unwrap();
    ns
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (row, count) = (args[1].as_str(), args[2].parse::<usize>().unwrap());
    let rt = Builder::new_current_thread().enable_time().build().unwrap();
    if row == "remote-alloc" {
        return print(row, threads(rt, true, remote, count));
    }
    if row.starts_with("roundtrip") || row.starts_with("coroutine") {
        return print(row, threads(rt, false, roundtrip, count));
    }
    rt.block_on(async {
        match row {
            "spawn" => print(row, timed!(one_by_one, count)),
            "spawn-fan" => {
                fan(count).await;
                let begin = Instant::now();
                fan(count).await;
                print(row, per(begin, count));
            }
            "spawn-group" => print(row, timed!(groups, count)),
            "handover" => print(row, timed!(handover, count)),
            "lock" => print(row, timed!(lock, count)),
            "lock-handover" => print(row, timed!(lock_handover, count)),
            "queue-pingpong" => print(row, timed!(queue_pingpong, count)),
            "queue-stream" => print(row, timed!(queue_stream, count)),
            "timeout" => {
                let without = timed!(without_timeout, count);
                print(row, timed!(with_timeout, count) - without);
            }
            "timer" => timers(count).await,
            "parked" => parked(count).await,
            _ => {
                let tasks = row.strip_prefix("yield-").unwrap().parse::<usize>().unwrap();
                print(row, timed!(|count| yields(tasks, count), count));
            }
        }
    });
}
