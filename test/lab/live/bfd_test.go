//go:build linux

package live

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/lab/testbed"
)

// TestBFD breaks a link so that nothing crosses it any more while its interfaces stay up, where routers run BFD. They take the
// adjacency down by themselves, and say that it was BFD. Detour, which is told afterwards, drains what carries nothing any more,
// and nothing is lost by that: the link comes back into use once it has been clear for a while, and not with its adjacency.
func TestBFD(t *testing.T) {
	withBFD := &lot{suffix: "-bfd", bfd: true}
	t.Cleanup(func() {
		if err := withBFD.clear(); err != nil {
			t.Error(err)
		}
	})
	s := raiseOn(t, withBFD)
	f := s.flow(s.sick)
	f.run(200)
	began := f.mark()
	s.inflict(s.sick, testbed.Fault{Dead: true})
	s.advertises(s.sick, 0)
	f.settled()
	moved := f.mark()
	l := f.between(began, moved)
	t.Logf("dead, until BFD told: %s", l)
	if l.lost < 100 || l.dropped > 0 {
		t.Error("the link is not dead, or a counter tells of it")
	}
	for _, router := range []string{s.near, s.far} {
		r, err := s.bed.Router(router)
		s.must(err)
		said, err := os.ReadFile(filepath.Join(r.Dir, "isisd.log"))
		s.must(err)
		if !bytes.Contains(said, []byte("bfd session went down")) {
			t.Errorf("%s does not say that it was BFD:\n%s", router, said)
		}
	}
	s.detect()
	s.reaches(s.sick, incident.Holding)
	f.run(500)
	f.expect("without the link", moved, f.mark())
	s.mend()
	s.account()
}
