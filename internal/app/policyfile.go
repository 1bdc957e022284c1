package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/worker"
	"github.com/detour-net/detour/policy"
)

// policyFile offers the worker what the policy's file holds whenever that has changed, good or bad. A file is often written
// in place, and the half of a policy may well be one: so what is new counts once two looks in a row have found it, or at
// once when a person says so.
type policyFile struct {
	path  string
	file  config.PolicyFile // at path
	parse func(raw []byte) (*policy.Policy, error)
	offer func(context.Context, worker.Offer) error
	now   <-chan os.Signal // the file is as somebody wants it; nil: nobody says
	log   *zap.Logger

	known look // offered last, or read at the start
	last  look // by the look before
}

// look is what one look at the file found.
type look struct {
	digest events.Digest // of the content
	err    string        // why there is none
}

// run looks at the file until ctx ends.
func (f *policyFile) run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		whole := false
		select {
		case <-tick.C:
		case <-f.now:
			f.log.Info("told to take the policy as it is", zap.String("file", f.path))
			whole = true
		case <-ctx.Done():
			return nil
		}
		if err := f.refresh(ctx, whole); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// refresh looks at the file, and offers what is new; whole says that nobody is still writing it.
func (f *policyFile) refresh(ctx context.Context, whole bool) error {
	raw, err := f.file.Read()
	found := look{digest: events.DigestBytes(raw)}
	if err != nil {
		found = look{err: err.Error()}
	}
	settled := whole || found == f.last
	f.last = found
	if found == f.known || !settled {
		return nil
	}
	f.known = found
	o := worker.Offer{Source: filepath.Base(f.path), Bytes: found.digest, Err: err}
	if err == nil {
		o.Policy, o.Err = f.read(raw)
	}
	return f.offer(ctx, o)
}

// errBlank is what is wrong with a file that says nothing. At the start it is a policy that acts on nothing; of a file that
// was a policy a moment ago nobody means that.
var errBlank = errors.New("the policy's file says nothing any more; for a policy that answers nothing write: rules: []")

func (f *policyFile) read(raw []byte) (*policy.Policy, error) {
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && line[0] != '#' {
			return f.parse(raw)
		}
	}
	return nil, errBlank
}
