package main

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/events"
)

// TestPairs compares what is of the same kill: the longest of both may be of different ones.
func TestPairs(t *testing.T) {
	of := func(nats, ours time.Duration) pair { return pair{events.Duration(nats), events.Duration(ours)} }
	p := pairs{of(8*time.Second, 8*time.Second), of(4*time.Second, 6*time.Second), of(5*time.Second, 6*time.Second)}
	want := "p50 6s, p99 8s, max 8s of 3; NATS alone p50 5s, p99 8s, max 8s of 3; of the same kill p50 1.20, max 1.50 times as long"
	if got := p.String(); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if got := (pairs{}).String(); got != "never" {
		t.Errorf("of none it says %q", got)
	}
}

// TestWanted takes no answer but that of a leader.
func TestWanted(t *testing.T) {
	said := func(code jetstream.ErrorCode) apiAnswer {
		a := apiAnswer{Error: &struct {
			Code jetstream.ErrorCode `json:"err_code"`
		}{code}}
		return a
	}
	const notAvailable jetstream.ErrorCode = 10008
	for _, c := range []struct {
		name   string
		of     question
		answer apiAnswer
		wanted bool
	}{
		{"a message is refused for its stream", refused("x"), said(codeWrongStream), true},
		{"a message is refused for another reason", refused("x"), said(notAvailable), false},
		{"nobody took a message", refused("x"), apiAnswer{}, false},
		{"a consumer is described", described("S", "c"), apiAnswer{}, true},
		{"a consumer has no leader", described("S", "c"), said(notAvailable), false},
	} {
		if got := c.of.wanted(c.answer); got != c.wanted {
			t.Errorf("%s: wanted %t", c.name, got)
		}
	}
}
