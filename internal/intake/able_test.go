package intake

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAbleUntaken has what was fetched be left lying, and be taken.
func TestAbleUntaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &Intake{parsed: newQueue(10)}
		want := func(when string, able bool) {
			t.Helper()
			if in.Able() != able {
				t.Errorf("%s: able %t", when, !able)
			}
		}
		put := func(n int) {
			for i := range n {
				if err := in.parsed.put(t.Context(), named(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		take := func(n int) {
			if _, err := in.parsed.take(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Minute)
		want("nothing has come", true)
		put(3)
		for range 3 {
			<-time.After(stalled)
			want("some is taken in time", true)
			take(1)
		}
		<-time.After(time.Minute)
		want("all was taken", true)
		put(3)
		<-time.After(stalled + 1)
		want("it is left lying", false)
		take(3)
		<-time.After(relief)
		want("for a while after it was taken", false)
		<-time.After(1)
		want("later", true)
	})
}
