package browser_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds every wait for something that must come. None is expected to come near.
const patience = 90 * time.Second

// chromium is the program, or why there is none.
func chromium() (string, error) {
	if wish := os.Getenv("DETOUR_BROWSER"); wish != "" && wish != "1" {
		return exec.LookPath(wish)
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium in PATH; on Debian: apt-get install chromium")
}

// program is one Chromium for the whole run; each tab has cookies of its own in it.
type program struct {
	ctx  context.Context
	stop func()
}

var running = sync.OnceValues(func() (program, error) {
	path, err := chromium()
	if err != nil {
		return program{}, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("force-prefers-color-scheme", "dark"), chromedp.WSURLReadTimeout(patience))
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	return program{ctx: ctx, stop: func() { cancel(); release() }}, chromedp.Do(ctx)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if wanted() == nil && !testing.Short() {
		if p, _ := running(); p.stop != nil {
			p.stop()
		}
	}
	os.Exit(code)
}

// wanted is nil where there can be a browser and nobody is against it.
func wanted() error {
	if os.Getenv("DETOUR_BROWSER") == "0" {
		return errors.New("no browser is wanted: DETOUR_BROWSER=0")
	}
	_, err := chromium()
	return err
}

// needBrowser skips a test where there can be no browser, unless one is demanded.
func needBrowser(tb testing.TB) context.Context {
	tb.Helper()
	wish := os.Getenv("DETOUR_BROWSER")
	switch err := wanted(); {
	case err != nil && wish != "" && wish != "0":
		tb.Fatal(err)
	case err != nil:
		tb.Skipf("left out: %v", err)
	case testing.Short():
		tb.Skip("left out of a short run")
	}
	p, err := running()
	if err != nil {
		tb.Fatalf("start the browser: %v", err)
	}
	return p.ctx
}
