package web

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAddressOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:4711": "192.0.2.7", "[::ffff:192.0.2.7]:4711": "192.0.2.7", "[2001:db8:1:2:3:4:5:6]:4711": "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:1": "2001:db8:1:2::/64", "[2001:db8:1:3::1]:1": "2001:db8:1:3::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "@",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if got := addressOf(r); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

// spend takes everything that a caller may ask at once.
func spend(t *testing.T, a *allowances, caller string) {
	t.Helper()
	for n := range a.burst {
		if !a.allow(caller, time.Now()) {
			t.Fatalf("%s may ask only %d times at once", caller, n)
		}
	}
	if a.allow(caller, time.Now()) {
		t.Fatalf("%s may ask more than %d times at once", caller, a.burst)
	}
}

// Each has an allowance of its own; however many come, only so many are kept, and the rest share one.
func TestAllowances(t *testing.T) {
	const hardlyEver = 1e-9 // a second
	a := newAllowances(hardlyEver, 3)
	spend(t, a, "first")
	spend(t, a, "second")
	for n := 2; n < maxCallers; n++ {
		a.allow(fmt.Sprint("caller ", n), time.Now())
	}
	for n := range 3 {
		if !a.allow(fmt.Sprint("late ", n), time.Now()) {
			t.Fatalf("the rest may ask only %d times at once", n)
		}
	}
	if a.allow("late 3", time.Now()) {
		t.Error("the rest have more than one allowance")
	}
	if len(a.of) != maxCallers {
		t.Errorf("%d are kept, want %d", len(a.of), maxCallers)
	}
}

// An allowance that nobody has used for a while makes room; one that is being used up is kept.
func TestAllowancesMakeRoom(t *testing.T) {
	a := newAllowances(1, 3)
	now := time.Now()
	a.limiter("guesser", now).AllowN(now, 3)
	for n := 1; n < maxCallers; n++ {
		a.limiter(fmt.Sprint("caller ", n), now)
	}
	if a.limiter("newcomer", now.Add(2*time.Second)) == a.rest || len(a.of) != 2 {
		t.Errorf("%d are kept, want the guesser and the newcomer", len(a.of))
	}
	if _, kept := a.of["guesser"]; !kept {
		t.Error("who has used up the allowance is forgotten, and begins anew")
	}
}
