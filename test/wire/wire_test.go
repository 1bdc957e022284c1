package wire_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/detour-net/detour/test/wire"
)

// echo answers every line with the same line, and hands over what it has heard.
func echo(t *testing.T) (address string, heard <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lines := make(chan string, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for scan := bufio.NewScanner(c); scan.Scan(); {
					lines <- scan.Text()
					fmt.Fprintln(c, scan.Text())
				}
			}()
		}
	}()
	return l.Addr().String(), lines
}

// wired is a wire to such a server.
func wired(t *testing.T) (*wire.Wire, <-chan string) {
	t.Helper()
	address, lines := echo(t)
	w, err := wire.New(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, lines
}

// line is one client of a wire.
type line struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, w *wire.Wire) line {
	t.Helper()
	c, err := net.Dial("tcp", w.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return line{t, c, bufio.NewReader(c)}
}

func (l line) say(what string) {
	l.t.Helper()
	if _, err := fmt.Fprintln(l.Conn, what); err != nil {
		l.t.Fatal(err)
	}
}

// hears waits for the answer; "" says that the connection was ended.
func (l line) hears() string {
	l.t.Helper()
	if err := l.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	text, err := l.r.ReadString('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.t.Fatal("it waits in vain")
	}
	if err != nil {
		return ""
	}
	return text[:len(text)-1]
}

func heard(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case text := <-lines:
		return text
	case <-time.After(30 * time.Second):
		t.Fatal("the server heard nothing")
		return ""
	}
}

// TestConditions has one wire go through all conditions and back.
func TestConditions(t *testing.T) {
	w, lines := wired(t)
	l := dial(t, w)
	l.say("whole")
	if got := heard(t, lines); got != "whole" || l.hears() != "whole" {
		t.Errorf("a whole wire carries %q", got)
	}

	w.Set(wire.Deafened)
	l.say("deafened")
	if got := heard(t, lines); got != "deafened" {
		t.Errorf("the server hears %q", got)
	}
	w.Set(wire.Stalled)
	l.say("stalled")
	if len(lines) > 0 {
		t.Errorf("a stalled wire carries %q", <-lines)
	}
	w.Set(wire.Whole)
	if got := heard(t, lines); got != "stalled" {
		t.Errorf("what was said meanwhile arrives as %q", got)
	}
	if first, second := l.hears(), l.hears(); first != "deafened" || second != "stalled" {
		t.Errorf("what was answered meanwhile arrives as %q and %q", first, second)
	}

	w.Set(wire.Cut)
	if got := l.hears(); got != "" {
		t.Errorf("a cut wire carries %q", got)
	}
	other := dial(t, w)
	if got := other.hears(); got != "" {
		t.Errorf("a cut wire answers %q", got)
	}
	w.Set(wire.Whole)
	again := dial(t, w)
	again.say("again")
	if got := again.hears(); got != "again" {
		t.Errorf("a mended wire carries %q", got)
	}
}

// TestClose ends what is on the wire, whatever it is set to later.
func TestClose(t *testing.T) {
	w, _ := wired(t)
	l := dial(t, w)
	l.say("hello")
	l.hears()
	w.Set(wire.Stalled)
	w.Close()
	w.Set(wire.Whole)
	if got := l.hears(); got != "" {
		t.Errorf("a closed wire carries %q", got)
	}
}

// TestChoke: what clients have got by then they keep, what comes behind it waits, and the server hears all of it.
func TestChoke(t *testing.T) {
	w, lines := wired(t)
	l := dial(t, w)
	w.Choke(len("first\nsecond"))
	for _, word := range []string{"first", "second", "third"} {
		l.say(word)
		if got := heard(t, lines); got != word {
			t.Errorf("the server hears %q", got)
		}
		if word != "third" && l.hears() != word {
			t.Errorf("%q is not answered", word)
		}
	}
	if err := l.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if text, err := l.r.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("once it is choked it still carries %q, %v", text, err)
	}
	w.Set(wire.Whole)
	for _, word := range []string{"third", "fourth"} {
		if word == "fourth" {
			l.say(word)
		}
		if got := l.hears(); got != word {
			t.Errorf("once it is mended it carries %q, want %q", got, word)
		}
	}
}
