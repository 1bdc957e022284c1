package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// TestClock has the clock be off, the bus be silent, and the clock be set.
func TestClock(t *testing.T) {
	type look struct {
		ahead time.Duration
		err   error
		says  string // part of why the replica is suspended then, "" if it is not
	}
	silent := errors.New("no answer")
	for name, looks := range map[string][]look{
		"right":                         {{}, {ahead: clockWithin}, {ahead: -clockWithin}},
		"ahead, and set":                {{ahead: 3 * time.Minute, says: "3m0s ahead"}, {ahead: time.Second}},
		"behind, and set":               {{ahead: -3 * time.Minute, says: "3m0s behind"}, {}},
		"off at a later look":           {{}, {ahead: clockWithin + 1, says: "ahead"}},
		"off while the bus is silent":   {{ahead: time.Hour, says: "1h0m0s ahead"}, {err: silent, says: "1h0m0s ahead"}, {}},
		"right while the bus is silent": {{}, {err: silent}, {}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				asked, why := make(chan look), make(chan string, 1)
				c := &clock{
					ahead: func(ctx context.Context, clock func() time.Time) (time.Duration, error) {
						if !clock().Equal(time.Now()) {
							t.Error("another clock is compared than that of the replica")
						}
						select {
						case l := <-asked:
							return l.ahead, l.err
						case <-ctx.Done():
							return 0, ctx.Err()
						}
					},
					suspend: func(w string) { why <- w }, log: zap.NewNop(),
				}
				done := make(chan error, 1)
				go func() { done <- c.run(ctx) }()
				last := ""
				for n, l := range looks {
					asked <- l
					synctest.Wait()
					select {
					case last = <-why:
					default:
					}
					if !strings.Contains(last, l.says) || (last == "") != (l.says == "") {
						t.Errorf("look %d: suspended for %q, want for %q", n+1, last, l.says)
					}
				}
				end()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestWhile runs a task while the replica acts, again when it does so again, and to its end.
func TestWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acts, changed := false, make(chan struct{})
		turn := func() {
			told := changed
			acts, changed = !acts, make(chan struct{})
			close(told)
			synctest.Wait()
		}
		running, begun, fails := false, 0, make(chan error)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- while(func() (bool, <-chan struct{}) { return acts, changed }, func(ctx context.Context) error {
				running, begun = true, begun+1
				defer func() { running = false }()
				select {
				case err := <-fails:
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			})(ctx)
		}()
		synctest.Wait()
		for n := range 4 {
			if acts != (n%2 == 1) || running != acts || begun != (n+1)/2 {
				t.Errorf("turn %d: acts %t, running %t, begun %d times", n, acts, running, begun)
			}
			turn()
		}
		turn()
		defect := errors.New("a defect")
		fails <- defect
		if err := <-done; !errors.Is(err, defect) {
			t.Errorf("the task failed, which is told as %v", err)
		}
		end()
	})
}
