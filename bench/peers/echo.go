// SPDX-License-Identifier: MIT

// Go's echo server: a goroutine a connection with a buffer of its own, on one P.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
)

func echo(c net.Conn, len int) {
	defer c.Close()
	buffer := make([]byte, len)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	len, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("port\t%d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		c, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(c, len)
	}
}
