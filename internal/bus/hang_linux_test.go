package bus_test

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestIdentityHangs has the file of each identity be a pipe that nobody writes to when the server comes back: the client is let in
// with what it held before, again and again, and the log says so once.
func TestIdentityHangs(t *testing.T) {
	for _, c := range ways() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			is := c.proof(t)
			is.server.Port = freePort(t)
			core, logs := observer.New(zap.WarnLevel)
			with := c.client(is.file)
			with.Log = zap.New(core)
			with.URLs = []string{"nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(is.server.Port))}
			_, end := startServer(t, is.server)
			conn := connect(t, with)
			if err := conn.Wait(within(t)); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(is.file); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(is.file, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				end()
				waitFor(t, func() bool { return !conn.Connected() })
				_, end = startServer(t, is.server)
				if err := conn.Wait(within(t)); err != nil {
					t.Fatalf("it is not let in: %v", err)
				}
			}
			end()
			said := logs.FilterMessageSnippet("stays in force").All()
			if len(said) != 1 || !strings.Contains(said[0].ContextMap()["error"].(string), is.file+": it hangs") {
				t.Errorf("the log: %v", said)
			}
			hung, err := os.OpenFile(is.file, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := hung.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
