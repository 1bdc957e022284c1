package slack

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/detour-net/detour/internal/chatops"
	"github.com/detour-net/detour/internal/chatops/roomtest"
	"github.com/detour-net/detour/internal/chatops/slack/slacktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a client until the test ends.
func run(t *testing.T, c *Client, press func(context.Context, chatops.Press)) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx, press); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

func connected(c *Client) func() bool {
	return func() bool { ok, _ := c.State(); return ok }
}

// gauge is detour_chat_connected.
func gauge(t *testing.T, r *prometheus.Registry) float64 {
	t.Helper()
	_, connected := chatMetrics(t, r)
	return connected
}

// chatMetrics are how many presses were acknowledged, and whether the chat is connected.
func chatMetrics(t *testing.T, r *prometheus.Registry) (acked uint64, connected float64) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range families {
		switch m := f.GetMetric()[0]; f.GetName() {
		case "detour_chat_connected":
			connected = m.GetGauge().GetValue()
			found++
		case "detour_chat_ack_seconds":
			acked = m.GetHistogram().GetSampleCount()
			found++
		}
	}
	if found != 2 {
		t.Fatal(families)
	}
	return acked, connected
}

// TestPresses: what is pressed arrives as it was pressed, and is acknowledged, however long it takes to judge.
func TestPresses(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, registry := newClient(t, s)
	presses, release := make(chan chatops.Press, 10), make(chan struct{})
	run(t, c, func(_ context.Context, p chatops.Press) {
		if p.Act == chatops.Freeze {
			<-release
		}
		presses <- p
	})
	roomtest.Wait(t, "the connection", connected(c))
	if gauge(t, registry) != 1 {
		t.Error("connected, the gauge is 0")
	}
	p := slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "approve", Value: "key sha256:01", At: time.Unix(1700000000, 123456000)}
	for range 2 { // the second is the same delivered again
		if err := s.Send(p); err != nil {
			t.Error(err)
		}
		want := chatops.Press{ID: "U1 " + slacktest.Channel + " 1.2 approve 1700000000.123456", Account: "U1", Channel: slacktest.Channel, Message: "1.2", Act: chatops.Approve, Value: p.Value, At: p.At}
		got := <-presses
		if got.Trigger == "" {
			t.Error("no form can be opened")
		}
		want.Trigger = got.Trigger
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("press (-want +got):\n%s", diff)
		}
	}
	p.Action = "freeze"
	if err := s.Send(p); err != nil {
		t.Errorf("a press that takes its time: %v", err)
	}
	close(release)
	if got := <-presses; got.Act != chatops.Freeze {
		t.Errorf("%+v", got)
	}
	roomtest.Wait(t, "three acknowledgements to be timed", func() bool { acked, _ := chatMetrics(t, registry); return acked == 3 })
}

// TestManyPresses: more than can be judged at once are not acknowledged, so that whoever pressed sees it.
func TestManyPresses(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	release := make(chan struct{})
	var judged atomic.Int32
	run(t, c, func(context.Context, chatops.Press) { <-release; judged.Add(1) })
	roomtest.Wait(t, "the connection", connected(c))
	var sent sync.WaitGroup
	var mu sync.Mutex
	unheard := 0
	for range maxPresses + 3 {
		sent.Go(func() {
			if s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "why", At: time.Now()}) != nil {
				mu.Lock()
				defer mu.Unlock()
				unheard++
			}
		})
	}
	sent.Wait()
	close(release)
	roomtest.Wait(t, "what was taken to be judged", func() bool { return judged.Load() >= maxPresses })
	roomtest.Wait(t, "one more to be taken, when there is room again", func() bool {
		return s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "why", At: time.Now()}) == nil
	})
	roomtest.Wait(t, "it to be judged", func() bool { return judged.Load() >= maxPresses+1 })
	if unheard != 3 || judged.Load() != maxPresses+1 {
		t.Errorf("%d were not acknowledged, want 3; %d were judged, want %d", unheard, judged.Load(), maxPresses+1)
	}
}

// TestReconnects: asked to, cut off, and turned away, it comes back, and says meanwhile that it is not there.
func TestReconnects(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, registry := newClient(t, s)
	presses := make(chan chatops.Press, 10)
	run(t, c, func(_ context.Context, p chatops.Press) { presses <- p })
	roomtest.Wait(t, "the connection", connected(c))
	for name, end := range map[string]func(){
		"refresh": s.Refresh, "cut": s.Disconnect,
		"cut and turned away": func() {
			s.Trouble("apps.connections.open", slacktest.Trouble{Lost: true}, slacktest.Trouble{Error: "internal_error"}, slacktest.Trouble{RetryAfter: time.Second})
			s.Disconnect()
			roomtest.Wait(t, "the loss to show", func() bool { return !connected(c)() })
			if _, why := c.State(); why == "" || gauge(t, registry) != 0 {
				t.Errorf("not connected, the gauge is %v, because %q", gauge(t, registry), why)
			}
		},
	} {
		opened := s.Calls("apps.connections.open")
		end()
		roomtest.Wait(t, name+": another connection", func() bool {
			return s.Calls("apps.connections.open") > opened && connected(c)() && s.Connections() == 1
		})
		if err := s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "why", At: time.Now()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		<-presses
	}
}

// TestGarbled: what cannot be read is not acknowledged, so that whoever pressed sees it, and is counted; what follows is heard.
func TestGarbled(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, registry := newClient(t, s)
	presses := make(chan chatops.Press, 1)
	run(t, c, func(_ context.Context, p chatops.Press) { presses <- p })
	roomtest.Wait(t, "the connection", connected(c))
	if err := s.Garble(); err == nil {
		t.Error("it was acknowledged")
	}
	if n := counted(t, registry)["refused"]; n != 1 {
		t.Errorf("counted %v times", n)
	}
	if err := s.Send(slacktest.Press{Account: "U1", Channel: slacktest.Channel, Message: "1.2", Action: "why", At: time.Now()}); err != nil {
		t.Error(err)
	}
	<-presses
}

// TestHangs: while the way to another connection only hangs, it is not taken for connected.
func TestHangs(t *testing.T) {
	t.Parallel()
	s := slacktest.New(t)
	c, _ := newClient(t, s)
	run(t, c, func(context.Context, chatops.Press) {})
	roomtest.Wait(t, "the connection", connected(c))
	hold := make(chan struct{})
	s.Trouble("apps.connections.open", slacktest.Trouble{Hold: hold})
	s.Disconnect()
	roomtest.Wait(t, "the loss to show", func() bool { _, why := c.State(); return !connected(c)() && why == "connecting" })
	close(hold)
	roomtest.Wait(t, "another connection", connected(c))
}

// TestBadToken: a token that is not taken is said, costs nothing but the chat, and is tried again.
func TestBadToken(t *testing.T) {
	s := slacktest.New(t)
	c, _ := newClient(t, s, func(c *Config) { c.AppToken = "xapp-wrong" })
	run(t, c, func(context.Context, chatops.Press) {})
	roomtest.Wait(t, "the reason", func() bool { _, why := c.State(); return why == "socket: invalid_auth" })
	if connected(c)() {
		t.Error("connected")
	}
}

func TestTimestamp(t *testing.T) {
	for text, want := range map[string]time.Time{
		"1700000000.000100": time.Unix(1700000000, 100_000), "1700000000": time.Unix(1700000000, 0), "1700000000.5": time.Unix(1700000000, 500_000_000),
		"": {}, "x": {}, "1.x": {},
	} {
		if got := timestamp(text); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
