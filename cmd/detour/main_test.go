package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/internal/web/webtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"detour": func() { os.Exit(run()) }})
}

// TestScripts runs every verb against a server in this process whose Board was folded from the records of webtest. The
// scripts find the server in DETOUR_SERVER, and the tokens of four people as files.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return serve(env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "alter": alter, "differ": differ, "deafen": deafen, "bus": startBus, "stored": stored, "closed": closed, "misspell": misspell, "together": together, "attest": attest, "rewrite": rewrite,
		},
	})
}

// What follows without end is stopped by its person, which is no failure.
func TestStopped(t *testing.T) {
	s, err := web.New(webtest.New().Config(web.Auth{LocalViewer: true}))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	defer s.Close()
	for _, args := range [][]string{{"incidents", "--watch"}, {"incidents", "--watch", "-o", "json"}, {"incidents", webtest.Held, "--watch"}, {"ledger", "tail", "-f"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out, in := io.Pipe()
			ended := make(chan int, 1)
			go func() {
				ended <- execute(ctx, append(args, "--server", srv.URL, "--token-file", ""), strings.NewReader(""), in, io.Discard)
				in.Close()
			}()
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line == "" {
				t.Fatalf("%q: %v", line, err)
			}
			go io.Copy(io.Discard, out)
			cancel()
			if got := <-ended; got != exitDone {
				t.Errorf("exit code %d, want %d", got, exitDone)
			}
		})
	}
}

type stageKey struct{}

// stage is what one script plays on.
type stage struct {
	replica *webtest.Replica
	js      jetstream.JetStream // once a bus was started
}

func on(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func serve(env *testscript.Env) error {
	r := webtest.New()
	people := []web.Token{
		web.NewToken("vera", "vera-secret", "viewer"), web.NewToken("olga", "olga-secret", "operator"),
		web.NewToken("anna", "anna-secret", "approver"), web.NewToken("root", "root-secret", "admin"),
	}
	s, err := web.New(r.Config(web.Auth{Tokens: people}))
	if err != nil {
		return err
	}
	srv := httptest.NewServer(s.Handler())
	env.Defer(func() { s.Close(); srv.Close() })
	for _, p := range people {
		if err := os.WriteFile(filepath.Join(env.WorkDir, p.Name), []byte(p.Name+"-secret\n"), 0o600); err != nil {
			return err
		}
	}
	r.View(func(b *incident.Board) {
		i, _ := b.Incident(webtest.Asking)
		env.Setenv("PLAN", string(i.Plan.Digest))
		env.Setenv("PLAN12", i.Plan.Digest.Short())
	})
	example, err := filepath.Abs("../../deployments/example")
	if err != nil {
		return err
	}
	env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector lingers in every process that it watches
	env.Setenv("EXAMPLE", example)
	env.Setenv("DETOUR_SERVER", srv.URL)
	env.Setenv("DETOUR_TOKEN_FILE", filepath.Join(env.WorkDir, "root"))
	env.Values[stageKey{}] = &stage{replica: r}
	return nil
}

// code runs the rest of its line and wants exactly the exit code that comes first.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d\n%s%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// alter changes text in a line of the ledger: alter POSITION OLD NEW; or takes it out: alter POSITION.
func alter(ts *testscript.TestScript, _ bool, args []string) {
	position, err := strconv.ParseUint(args[0], 10, 64)
	ts.Check(err)
	if len(args) == 1 {
		on(ts).replica.Alter(position, nil, nil)
		return
	}
	on(ts).replica.Alter(position, []byte(args[1]), []byte(args[2]))
}

func differ(ts *testscript.TestScript, _ bool, _ []string) {
	on(ts).replica.Differ(api.Difference{Incident: webtest.Held, Device: "kcy", Change: 1, Ledger: events.SeenAfter, Router: events.SeenBefore, Detail: "isis-metric is 101"})
}

func deafen(ts *testscript.TestScript, _ bool, _ []string) { on(ts).replica.Deafen() }

// misspell has the replica refuse what its policy file holds.
func misspell(ts *testscript.TestScript, _ bool, _ []string) {
	why := "policy.yaml:1:1: unknown key \"rulse\"\n    1 | rulse: []\n        ^"
	r := events.PolicyRefused{Source: "policy.yaml", Bytes: events.DigestBytes([]byte("rulse: []\n")), Why: why, InForce: on(ts).replica.Status().Policy}
	_, err := on(ts).replica.Append(webtest.Start.Add(11*time.Minute), events.Record{Body: r})
	ts.Check(err)
}

// closed ends an incident of which nothing stands.
func closed(ts *testscript.TestScript, _ bool, args []string) {
	_, err := on(ts).replica.Append(webtest.Start.Add(11*time.Minute), events.Record{Incident: args[0], Body: events.Closed{Outcome: events.WasCleared, Reason: "the fault went away before anything was done"}})
	ts.Check(err)
}

// together lets two links of one duct fall sick.
func together(ts *testscript.TestScript, _ bool, _ []string) {
	_, err := on(ts).replica.Append(webtest.Start.Add(11*time.Minute), webtest.Together()...)
	ts.Check(err)
}

// startBus starts a bus with the streams on it and sets NATS_URL.
func startBus(ts *testscript.TestScript, _ bool, _ []string) {
	srv, err := bus.Embedded(ts.MkAbs("nats"), bus.Options{Port: -1})
	ts.Check(err)
	ts.Defer(func() { _ = srv.Shutdown(context.Background()) })
	conn, err := bus.Connect(bus.Config{Server: srv})
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(context.Background()) })
	_, err = intake.Open(context.Background(), conn.JetStream(), intake.Config{Domain: "default"})
	ts.Check(err)
	ts.Setenv("NATS_URL", srv.URL())
	on(ts).js = conn.JetStream()
}

// stored wants so many messages on the stream of anomalies.
func stored(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 10, 64)
	ts.Check(err)
	stream, err := on(ts).js.Stream(context.Background(), events.StreamAnomalies)
	ts.Check(err)
	info, err := stream.Info(context.Background())
	ts.Check(err)
	if info.State.Msgs != want {
		ts.Fatalf("%d events are stored, want %d", info.State.Msgs, want)
	}
}
