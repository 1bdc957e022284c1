//go:build linux

package testbed

import (
	"strings"
	"testing"
)

func TestClaim(t *testing.T) {
	release, err := claim("claim-test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := claim("claim-test"); err == nil || !strings.Contains(err.Error(), "lab claim-test is just being brought up or taken down by another process") {
		t.Errorf("claimed twice: %v", err)
	}
	other, err := claim("claim-test-2")
	if err != nil {
		t.Errorf("another lab: %v", err)
	} else {
		other()
	}
	release()
	again, err := claim("claim-test")
	if err != nil {
		t.Fatalf("once it was released: %v", err)
	}
	again()
}
