// The subjects that Go has too, measured as gort-benches measures the others; `run` starts this as
//
//	gort-benches-go SUBJECT MILLIS
//
// and reads the line OPS WALL_NS CPU_NS. As a server it prints its address and serves until its input ends.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	many = 1000 // spawned at once
	live = 1000 // timers
	far  = time.Hour
)

var subjects = map[string]func(ops int) int{
	"goroutine-yield":      yield,
	"goroutine-spawn-join": spawnJoin,
	"goroutine-spawn-1000": spawnMany,
	"goroutine-ping-pong":  pingPong,
	"timer-sleep-0":        timerZero,
	"timer-insert-cancel":  timerCancel,
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: gort-benches-go SUBJECT MILLIS")
	}
	millis, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fail(err)
	}
	if strings.HasPrefix(os.Args[1], "echo-") {
		serve()
		return
	}
	body, known := subjects[os.Args[1]]
	if !known {
		fail("no subject " + os.Args[1])
	}
	done := make(chan struct{})
	go func() {
		measure(time.Duration(millis)*time.Millisecond, body)
		close(done)
	}()
	<-done
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, "gort-benches-go:", what)
	os.Exit(1)
}

// As measure.rs: growing counts, until a run lasts.
func measure(target time.Duration, body func(int) int) {
	ops := 1
	for {
		cpu, start := processCPU(), time.Now()
		done := body(ops)
		wall := time.Since(start)
		used := processCPU() - cpu
		if wall >= target {
			fmt.Println(done, wall.Nanoseconds(), used.Nanoseconds())
			return
		}
		growth := 1.1 * target.Seconds() / max(wall.Seconds(), 1e-9)
		ops = int(float64(done)*min(max(growth, 1.5), 16)) + 1
	}
}

func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func yield(ops int) int {
	for range ops {
		runtime.Gosched()
	}
	return ops
}

func spawnJoin(ops int) int {
	var group sync.WaitGroup
	for range ops {
		group.Add(1)
		go group.Done()
		group.Wait()
	}
	return ops
}

func spawnMany(ops int) int {
	batches := (ops + many - 1) / many
	var group sync.WaitGroup
	for range batches {
		for range many {
			group.Add(1)
			go group.Done()
		}
		group.Wait()
	}
	return batches * many
}

func pingPong(ops int) int {
	ping, pong := make(chan struct{}, 1), make(chan struct{}, 1)
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		for range ops {
			<-ping
			pong <- struct{}{}
		}
		group.Done()
	}()
	for range ops {
		ping <- struct{}{}
		<-pong
	}
	group.Wait()
	return ops
}

func timerZero(ops int) int {
	for range ops {
		time.Sleep(0)
	}
	return ops
}

func timerCancel(ops int) int {
	var timers [live]*time.Timer
	for i := range timers {
		timers[i] = time.AfterFunc(deadline(i), func() {})
	}
	for i := range ops {
		time.AfterFunc(deadline(i%live), func() {}).Stop()
	}
	for _, timer := range timers {
		timer.Stop()
	}
	return ops
}

func deadline(i int) time.Duration {
	return far + time.Duration(i)*time.Millisecond
}

func serve() {
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
			go echo(conn)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func echo(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	for {
		read, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:read]); err != nil {
			return
		}
	}
}
