// SPDX-License-Identifier: MIT

//! Tokio's echo server: a task a connection with a buffer of its own, on the current_thread runtime.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn echo(mut stream: TcpStream, len: usize) -> std::io::Result<()> {
    let mut buffer = vec![0; len];
    stream.set_nodelay(true)?;
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

async fn serve(len: usize) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port\t{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(echo(stream, len));
    }
}

fn main() -> std::io::Result<()> {
    let len = std::env::args().nth(1).unwrap().parse().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(serve(len))
}
