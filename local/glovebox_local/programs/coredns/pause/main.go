// Pause does nothing, for as long as it is wanted: it keeps the namespaces of
// a pod, of a node or of the gateway, and as their first process it reaps what
// others leave.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for {
		reap()
		if number := <-signals; number != syscall.SIGCHLD {
			os.Exit(0)
		}
	}
}

func reap() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || (err != nil && err != syscall.EINTR) {
			return
		}
	}
}
