package bustest_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
)

func TestMain(m *testing.M) {
	if !bustest.Serve() {
		m.Run()
	}
}

// TestServers has one server, and a cluster, be killed and started again: what was acknowledged is there, and another server
// leads when the leader is gone.
func TestServers(t *testing.T) {
	for _, n := range []int{1, 3} {
		servers, err := bustest.Start(t.TempDir(), n)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(servers.KillAll)
		conn, err := bus.Connect(bus.Config{URLs: servers.URLs()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		js := conn.JetStream()
		eventually(t, "a stream", func(ctx context.Context) bool {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: n})
			return err == nil
		})
		eventually(t, "an acknowledgement", func(ctx context.Context) bool {
			_, err := js.Publish(ctx, "s", []byte("x"), jetstream.WithMsgID("1"))
			return err == nil
		})
		leader := -1
		eventually(t, "a leader", func(ctx context.Context) bool { leader, err = servers.Leader(ctx, js, "S"); return err == nil })
		servers.Kill(leader)
		if servers.Alive(leader) || servers.Len() != n || len(servers.Addresses()) != n {
			t.Errorf("of %d servers %d is dead, and alive %t", servers.Len(), leader, servers.Alive(leader))
		}
		if n > 1 {
			eventually(t, "another leader", func(ctx context.Context) bool {
				now, err := servers.Leader(ctx, js, "S")
				return err == nil && now != leader
			})
		}
		if err := servers.StartAll(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "what was acknowledged", func(ctx context.Context) bool {
			s, err := js.Stream(ctx, "S")
			return err == nil && s.CachedInfo().State.Msgs == 1
		})
	}
}

// TestSignal stops a server, which then serves nobody, and has it go on.
func TestSignal(t *testing.T) {
	servers, err := bustest.Start(t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.KillAll)
	conn, err := bus.Connect(bus.Config{URLs: servers.URLs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	answers := func(ctx context.Context) bool {
		_, err := conn.JetStream().AccountInfo(ctx)
		return err == nil
	}
	eventually(t, "an answer", answers)
	if err := servers.Signal(0, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "silence", func(ctx context.Context) bool { return !answers(ctx) })
	if err := servers.Signal(0, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an answer again", answers)
	servers.Kill(0)
	if err := servers.Signal(0, syscall.SIGSTOP); err != nil {
		t.Errorf("a signal to one that is dead: %v", err)
	}
}

func eventually(t *testing.T, what string, ok func(context.Context) bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		done := ok(ctx)
		cancel()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
