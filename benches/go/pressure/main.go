// The server of examples/pressure on Go's runtime. `pressure` starts it as
//
//	pressure-go TROUBLE ITERATIONS
//
// It prints its address and serves until its input ends.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	sleep = 50 * time.Millisecond
	// The byte of a request, and the bit in it, that makes its handler misbehave.
	flagByte = 7
	flagBit  = 0x80
)

var result uint64

func main() {
	if len(os.Args) != 3 {
		fail("usage: pressure-go TROUBLE ITERATIONS")
	}
	iterations, err := strconv.ParseUint(os.Args[2], 10, 64)
	if err != nil {
		fail(err)
	}
	trouble := map[string]func(){
		"none": func() {},
		// With its thread, as Rust's thread::sleep: Go's own would park the goroutine.
		"sleep": func() {
			duration := syscall.NsecToTimespec(int64(sleep))
			syscall.Nanosleep(&duration, nil)
		},
		"burn": func() { compute(iterations) },
	}[os.Args[1]]
	if trouble == nil {
		fail("no trouble " + os.Args[1])
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println("listening on", listener.Addr())
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				fail(err)
			}
			go serve(conn, trouble)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func serve(conn net.Conn, trouble func()) {
	defer conn.Close()
	var message [8]byte
	for {
		if _, err := io.ReadFull(conn, message[:]); err != nil {
			return
		}
		if message[flagByte]&flagBit != 0 {
			trouble()
		}
		if _, err := conn.Write(message[:]); err != nil {
			return
		}
	}
}

// The same chain as in trouble.rs.
func compute(iterations uint64) {
	x := uint64(1)
	for range iterations {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	result = x
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}
