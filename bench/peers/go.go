// SPDX-License-Identifier: MIT

// Go: goroutines on one P (two for the rows with threads). A goroutine can be moved, pre-empted and
// grows its stack; it cannot be cancelled from outside. Joined by a WaitGroup, the cheapest way.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const operations = 200000

func print(metric string, value float64) { fmt.Printf("%s\t%.3f\n", metric, value) }

func timed(run func(count int), count int) float64 {
	run(count/10 + 1)
	begin := time.Now()
	run(count)
	return float64(time.Since(begin).Nanoseconds()) / float64(count)
}

func memory(field string) int64 {
	f, _ := os.Open("/proc/self/status")
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); words[0] == field {
			kb, _ := strconv.ParseInt(words[1], 10, 64)
			return kb * 1024
		}
	}
	return 0
}

// The nth CPU of those we were given, modulo their number; for this goroutine's own thread.
func pin(nth int) {
	var given, one [16]uint64
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, 128, uintptr(unsafe.Pointer(&given)))
	var cpus []int
	for cpu := 0; cpu < 1024; cpu++ {
		if given[cpu/64]>>(cpu%64)&1 != 0 {
			cpus = append(cpus, cpu)
		}
	}
	cpu := cpus[nth%len(cpus)]
	one[cpu/64] = 1 << (cpu % 64)
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, 128, uintptr(unsafe.Pointer(&one)))
}

func random(s *uint64) uint64 {
	*s ^= *s << 13
	*s ^= *s >> 7
	*s ^= *s << 17
	return *s
}

func yields(tasks int) func(int) {
	return func(count int) {
		var wg sync.WaitGroup
		wg.Add(tasks)
		for i := 0; i < tasks; i++ {
			go func() {
				for j := count / tasks; j >= 0; j-- {
					runtime.Gosched()
				}
				wg.Done()
			}()
		}
		wg.Wait()
	}
}

func spawn(count int) {
	var wg sync.WaitGroup
	for i := 0; i < count; i++ {
		wg.Add(1)
		go wg.Done()
		wg.Wait()
	}
}

func fan(count int) {
	var wg sync.WaitGroup
	wg.Add(count)
	for i := 0; i < count; i++ {
		go wg.Done()
	}
	wg.Wait()
}

func groups(count int) {
	for done := 0; done < count; done += 1000 {
		fan(1000)
	}
}

// A channel of one place is Go's future.
func handover(count int) {
	var wg sync.WaitGroup
	var awaited [2]chan int
	body := func(me int) {
		for i := 0; i < count/2; i++ {
			<-awaited[me]
			awaited[me] = make(chan int, 1)
			awaited[1-me] <- 1
		}
		wg.Done()
	}
	awaited[0], awaited[1] = make(chan int, 1), make(chan int, 1)
	wg.Add(2)
	awaited[0] <- 1
	go body(0)
	go body(1)
	wg.Wait()
}

func lock(count int) {
	var mutex sync.Mutex
	for i := 0; i < count; i++ {
		mutex.Lock()
		mutex.Unlock()
	}
}

// Go's mutex lets a runner overtake who waits: a channel of one place is its lock that does not.
func lockHandover(count int) {
	var wg sync.WaitGroup
	turn := [2]chan int{make(chan int, 1), make(chan int, 1)}
	wg.Add(2)
	for me := 0; me < 2; me++ {
		go func(me int) {
			for i := 0; i < count/2; i++ {
				<-turn[me]
				turn[1-me] <- 1
			}
			wg.Done()
		}(me)
	}
	turn[0] <- 1
	wg.Wait()
}

func queuePingpong(count int) {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for item := range there {
			back <- item
		}
	}()
	for i := 0; i < count/2; i++ {
		there <- i
		<-back
	}
	close(there)
}

func queueStream(count int) {
	var wg sync.WaitGroup
	c := make(chan int, 128)
	wg.Add(1)
	go func() {
		for range c {
		}
		wg.Done()
	}()
	for i := 0; i < count; i++ {
		c <- i
	}
	close(c)
	wg.Wait()
}

func ready(ctx context.Context, c chan int) {
	select {
	case c <- 1:
		<-c
	case <-ctx.Done():
	}
}

func timeout(count int) float64 {
	c, ctx := make(chan int, 1), context.Background()
	without := timed(func(count int) {
		for i := 0; i < count; i++ {
			ready(ctx, c)
		}
	}, count)
	return timed(func(count int) {
		for i := 0; i < count; i++ {
			scope, cancel := context.WithTimeout(ctx, time.Second)
			ready(scope, c)
			cancel()
		}
	}, count) - without
}

func timers(count int) {
	never := func() { panic("a timer that was to be cancelled") }
	delay := func(draw uint64) time.Duration {
		return 100*time.Second + time.Duration(draw>>24)
	}
	seed := uint64(88172645463325252)
	t := make([]*time.Timer, count)
	for i := range t {
		t[i] = time.AfterFunc(delay(random(&seed)), never)
	}
	begin := time.Now()
	for i := 0; i < operations; i++ {
		time.AfterFunc(delay(random(&seed)), never).Stop()
	}
	print("timer-newest", float64(time.Since(begin).Nanoseconds())/operations)
	begin = time.Now()
	for i := 0; i < operations; i++ {
		draw := random(&seed)
		victim := draw % uint64(count)
		t[victim].Stop()
		t[victim].Reset(delay(draw))
	}
	print("timer-random", float64(time.Since(begin).Nanoseconds())/operations)
}

func parked(count int) {
	c := make(chan int)
	rss, tables, begin := memory("VmRSS:"), memory("VmPTE:"), time.Now()
	for i := 0; i < count; i++ {
		go func() { <-c }()
		if i%1000 == 999 {
			runtime.Gosched()
		}
	}
	runtime.Gosched()
	print("parked-time", float64(time.Since(begin).Nanoseconds())/float64(count))
	rss, tables = memory("VmRSS:")-rss, memory("VmPTE:")-tables
	print("parked-rss", float64(rss)/float64(count))
	print("parked-total", float64(rss+tables)/float64(count))
}

func remote(count int) {
	calls, done := make(chan func(), 1024), make(chan int)
	go func() {
		for fn := range calls {
			fn()
		}
		done <- 1
	}()
	ran := 0
	for i := 0; i < count; i++ {
		calls <- func() { ran++ }
	}
	close(calls)
	<-done
}

func roundtrip(count int) float64 {
	type call struct {
		fn    func() int
		value chan int
	}
	calls := make(chan call)
	go func() {
		pin(0)
		for c := range calls {
			c.value <- c.fn()
		}
	}()
	pin(1)
	value := make(chan int)
	return timed(func(count int) {
		for i := 0; i < count; i++ {
			calls <- call{func() int { return 42 }, value}
			<-value
		}
	}, count)
}

func main() {
	row := os.Args[1]
	count, _ := strconv.Atoi(os.Args[2])
	if strings.HasPrefix(row, "remote") || strings.HasPrefix(row, "roundtrip") {
		runtime.GOMAXPROCS(2)
	} else {
		runtime.GOMAXPROCS(1)
	}
	switch {
	case strings.HasPrefix(row, "yield-"):
		tasks, _ := strconv.Atoi(row[len("yield-"):])
		print(row, timed(yields(tasks), count))
	case row == "spawn":
		print(row, timed(spawn, count))
	case row == "spawn-fan":
		fan(count)
		begin := time.Now()
		fan(count)
		print(row, float64(time.Since(begin).Nanoseconds())/float64(count))
	case row == "spawn-group":
		print(row, timed(groups, count))
	case row == "handover":
		print(row, timed(handover, count))
	case row == "lock":
		print(row, timed(lock, count))
	case row == "lock-handover":
		print(row, timed(lockHandover, count))
	case row == "queue-pingpong":
		print(row, timed(queuePingpong, count))
	case row == "queue-stream":
		print(row, timed(queueStream, count))
	case row == "timeout":
		print(row, timeout(count))
	case row == "timer":
		timers(count)
	case row == "parked":
		parked(count)
	case row == "remote-alloc":
		print(row, timed(remote, count))
	case strings.HasPrefix(row, "roundtrip"):
		print(row, roundtrip(count))
	default:
		os.Exit(1)
	}
}
