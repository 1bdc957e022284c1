package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/detour-net/detour/internal/network"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "40G": 40_000_000_000, "2.5 Gbit/s": 2_500_000_000, "100k": 100_000, "100K": 100_000, "10Mbps": 10_000_000, " 1T ": 1_000_000_000_000,
		"1e9": 1_000_000_000, "7 bit/s": 7, "3 b/s": 3,
	} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "-1G", "0", "0.1", "NaN", "Inf", "1e300", "2000T", "40GG", "40 apples", "4G0", strings.Repeat("9", 1000)} {
		if got, err := parseRate(text); err == nil || len(err.Error()) > 200 {
			t.Errorf("%q is taken for %d: %v", text, got, err)
		}
	}
}

func TestNearNames(t *testing.T) {
	w := &workbench{network: &network.Topology{}}
	for _, name := range []string{"den-kcy", "den-sea", "kcy-hou", "chi-nyc", "ams--fra--2"} {
		w.network.Links = append(w.network.Links, network.Link{Name: name})
	}
	for name, want := range map[string]string{
		"den-kyc":     "do you mean den-kcy?",
		"kcy-den":     "do you mean den-kcy?",
		"Den-kcy":     "do you mean den-kcy?",
		"den-se":      "do you mean den-sea?",
		"fra--ams--2": "do you mean ams--fra--2?",
		"lisbon":      "--all lists its 5 links",
	} {
		if err := w.has(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if err := w.has("chi-nyc"); err != nil {
		t.Error(err)
	}
}

// A computation that does not end by itself is left when its person has had enough, or its time is over.
func TestInterruptible(t *testing.T) {
	forever := make(chan struct{})
	defer close(forever)
	wait := func() (int, error) { <-forever; return 1, nil }

	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := interruptible(stopped, wait); !errors.Is(err, errInterrupted) || exitCode(err) != exitFailed {
		t.Errorf("interrupted: %v, exit code %d", err, exitCode(err))
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	if _, err := interruptible(late, wait); exitCode(err) != exitTimeout {
		t.Errorf("timed out: %v, exit code %d", err, exitCode(err))
	}
	if got, err := interruptible(t.Context(), func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	bad := errors.New("bad")
	if _, err := interruptible(t.Context(), func() (int, error) { return 0, bad }); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
}

// Whoever interrupts the verb gets back at once.
func TestWhatifInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var said strings.Builder
	args := []string{"whatif", "--all", "--gml", "../../internal/network/testdata/topologyzoo/Abilene.gml", "--gravity", "30G"}
	if got := execute(ctx, args, strings.NewReader(""), io.Discard, &said); got != exitFailed || !strings.Contains(said.String(), "interrupted") {
		t.Errorf("exit code %d: %s", got, said.String())
	}
}
