package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/durable"
)

// tally adds up what sites have shown, those that are hurt at the same time and those of earlier runs. What it has counted is on the
// disk once add has returned, so that whatever ends a run leaves a true certificate of the sites that were judged by then.
type tally struct {
	file string // "": it is kept nowhere
	seed uint64 // of this run

	mu      sync.Mutex
	cert    *certificate
	kept    []byte        // what the file holds since it was written
	earlier time.Duration // what earlier runs took
	since   time.Time     // of this run
	under   int           // kills at sites that are not judged yet
}

// newTally begins with the certificate that stands in a file, if there is one, and else with none. The seed is the one after the
// newest of the certificate unless another is given.
//
// An error says why these runs are not to be added up: the file tells of violations, or of the same seed, or, unless that is wanted,
// of another build.
func newTally(file string, seed *uint64, of product, mixed bool) (*tally, error) {
	t := &tally{file: file, cert: newCertificate(), since: time.Now()}
	if file != "" {
		if err := t.load(of, mixed); err != nil {
			return nil, err
		}
	}
	t.seed = uint64(t.since.UnixNano())
	switch last := len(t.cert.Seeds) - 1; {
	case seed != nil && slices.Contains(t.cert.Seeds, *seed):
		return nil, fmt.Errorf("%s has a run with seed %d already: give another, or none", file, *seed)
	case seed != nil:
		t.seed = *seed
	case last >= 0:
		t.seed = t.cert.Seeds[last] + 1
	}
	t.cert.Seeds = append(t.cert.Seeds, t.seed)
	if n := len(t.cert.Builds); n == 0 || t.cert.Builds[n-1].Digest != of.Digest {
		t.cert.Builds = append(t.cert.Builds, of)
	}
	return t, t.save()
}

// load reads the certificate of earlier runs, if there is one.
func (t *tally) load(of product, mixed bool) error {
	raw, err := os.ReadFile(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, t.cert)
	}
	if err != nil {
		return fmt.Errorf("read the certificate of earlier runs: %s: %w", t.file, err)
	}
	t.earlier = t.cert.Took.Std()
	if len(t.cert.Violations) > 0 {
		return fmt.Errorf("%s tells of %d violations, which are to be looked at before anything is added", t.file, len(t.cert.Violations))
	}
	if n := len(t.cert.Builds); n > 0 && t.cert.Builds[n-1].Digest != of.Digest && !mixed {
		was := t.cert.Builds[n-1]
		return fmt.Errorf("%s is of another build, %s with sha256 %s; this is %s with sha256 %s: give another file, or -mixed to have both in one certificate, which says so",
			t.file, was.Version, was.Digest, of.Version, of.Digest)
	}
	return nil
}

// wants reports whether so many kills are still to be done: those of sites that are not judged yet count, and after a violation none are.
func (t *tally) wants(kills int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cert.Kills+t.under < kills && len(t.cert.Violations) == 0
}

// killed counts a kill at a site that is not judged yet.
func (t *tally) killed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under++
}

// add counts what is certified of a site that was judged.
func (t *tally) add(site *certificate) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under -= site.Kills
	t.cert.join(site)
	t.cert.Builds[len(t.cert.Builds)-1].Kills += site.Kills
	return t.save()
}

// save writes the certificate, unless another run has written the file meanwhile. The mutex is held, or nobody else has the tally yet.
func (t *tally) save() error {
	t.cert.Took = events.Duration(t.earlier + time.Since(t.since))
	if t.file == "" {
		return nil
	}
	if t.kept != nil {
		if is, err := os.ReadFile(t.file); err != nil || !bytes.Equal(is, t.kept) {
			return errors.Join(err, fmt.Errorf("%s is not as this run has left it: another one adds to it, which wants a file of its own", t.file))
		}
	}
	raw, err := json.MarshalIndent(t.cert, "", "  ")
	if err != nil {
		return err
	}
	t.kept = append(raw, '\n')
	return durable.Replace(t.file, 0o644, t.kept)
}

// digest is the SHA-256 of a file.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}
