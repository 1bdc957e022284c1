//go:build linux

package testbed

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// claim keeps others from bringing a lab up or taking it down, until release is called or this process ends. It is a socket
// that no file stands for (unix(7), abstract), so that nothing of it is left behind by any end.
func claim(name string) (release func(), err error) {
	socket, err := net.Listen("unix", "@detour-lab/"+name)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("lab %s is just being brought up or taken down by another process: wait for that, or end it", name)
	}
	if err != nil {
		return nil, fmt.Errorf("claim lab %s: %w", name, err)
	}
	return func() { _ = socket.Close() }, nil
}
