//go:build linux

package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/detour-net/detour/test/lab/testbed"
)

// patience bounds every wait for something that must come. None is expected to come near.
const patience = 90 * time.Second

// scratch is where the binaries and the labs lie; TestMain removes it.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "detour-live-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if err := ground.clear(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if dir, err := scratch(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// needLab skips a test where there can be no lab, unless one is demanded.
func needLab(t *testing.T) {
	t.Helper()
	wish := os.Getenv("DETOUR_LAB")
	switch err := testbed.Require(); {
	case wish == "0":
		t.Skip("no lab of real routers is wanted: DETOUR_LAB=0")
	case err != nil && wish != "":
		t.Fatal(err)
	case err != nil:
		t.Skipf("no lab of real routers here: %v", err)
	case testing.Short():
		t.Skip("left out of a short run")
	}
}

// build makes both binaries, once a run.
var build = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	// Labs run as another user below, who must come through.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../../../cmd/detour", "..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the binaries: %w\n%s", err, out)
	}
	return dir, nil
})

func binary(t testing.TB, name string) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// answer is how a command ended.
type answer struct {
	code     int
	out, err string
}

// run runs a command to its end.
func run(t testing.TB, name string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %v: %v\n%s", name, args, err, words.String())
	}
	return answer{cmd.ProcessState.ExitCode(), out.String(), words.String()}
}
