package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	flagKills = flag.Int("kills", 0, "kills and stops of the campaign; 0: eight, two with -short")
	flagSeed  = flag.Uint64("seed", 0, "seed of the campaign; 0: a new one")
)

// patience bounds every wait for something that must come. None is expected to come near.
const patience = 90 * time.Second

// scratch is where the binary lies; TestMain removes it.
var scratch = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "detour-e2e-") })

func TestMain(m *testing.M) {
	flag.Parse()
	// Stages wait far more than they work, so more of them run at once than there are processors.
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	// A library behind gNMI keeps one that flushes a log which nobody writes.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if dir, err := scratch(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build makes the binary, once a run.
var build = sync.OnceValues(func() (string, error) {
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "detour")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/detour").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return path, nil
})

func binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// long leaves a test that takes its time out of a short run.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of a short run")
	}
}

// answer is how a command ended.
type answer struct {
	code     int
	out, err string
}

// run runs the binary to its end.
func run(t testing.TB, stdin string, args ...string) answer {
	t.Helper()
	path := binary(t) // which may have to be built first
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, words bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader([]byte(stdin)), &out, &words
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("detour %v: %v, %v\n%s", args, err, ctx.Err(), words.String())
	}
	return answer{cmd.ProcessState.ExitCode(), out.String(), words.String()}
}
