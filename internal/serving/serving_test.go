package serving_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/serving"
)

// role is the variable that has this binary be a replica, of the kind that it names.
const role = "SERVING_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "serves":
		fmt.Println("something else first")
		for range 3 { // that it says so again is no matter
			fmt.Println("replica den/1234, serves at http://127.0.0.1:8080")
		}
		<-time.After(time.Hour)
	case "refuses":
		os.Exit(2)
	case "hangs":
		<-time.After(time.Hour)
	}
}

func start(t *testing.T, kind string) *serving.Life {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+kind)
	l, err := serving.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Kill)
	return l
}

func TestServes(t *testing.T) {
	l := start(t, "serves")
	name, url, err := l.Serves(t.Context())
	if err != nil || name != "den/1234" || url != "http://127.0.0.1:8080" {
		t.Errorf("%q at %q, %v", name, url, err)
	}
	if !l.Alive() {
		t.Error("it has ended")
	}
	l.Signal(os.Kill)
	l.Ended()
	if l.Alive() {
		t.Error("it was killed, and lives")
	}
	l.Signal(os.Interrupt)
	l.Kill()
}

func TestServesNot(t *testing.T) {
	if _, _, err := start(t, "refuses").Serves(t.Context()); err == nil || !strings.Contains(err.Error(), "ended before it served, with code 2") {
		t.Errorf("one that ends: %v", err)
	}
	l := start(t, "hangs")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Serves(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("one that says nothing: %v", err)
	}
	l.Kill()
	if l.Alive() {
		t.Error("it was killed, and lives")
	}
	if _, err := serving.Start(exec.Command(filepath.Join(t.TempDir(), "none"))); err == nil {
		t.Error("what is not there was started")
	}
}

// TestNever is of a replica that was never started.
func TestNever(t *testing.T) {
	var l *serving.Life
	l.Signal(os.Interrupt)
	l.Kill()
	l.Ended()
	if l.Alive() {
		t.Error("it lives")
	}
}

func TestTail(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if text := serving.Tail(log); !strings.Contains(text, log) {
		t.Errorf("of no log: %q", text)
	}
	if err := os.WriteFile(log, []byte("begin"+strings.Repeat(".", 10_000)+"end"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := serving.Tail(log); strings.Contains(text, "begin") || !strings.HasSuffix(text, "..end") {
		t.Errorf("%d bytes of it", len(text))
	}
}
