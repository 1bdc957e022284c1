package web

import (
	"testing"
	"time"
)

// Of many lines in one second one is written, and the next says how many were not.
func TestQuiet(t *testing.T) {
	q := newQuiet()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	written := 0
	for range 50 {
		if _, tell := q.one(now); tell {
			written++
		}
	}
	if left, tell := q.one(now.Add(time.Second)); written != 1 || !tell || left != 49 {
		t.Errorf("%d were written; the next says %d, %t", written, left, tell)
	}
}
