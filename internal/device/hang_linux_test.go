package device

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/bounded/boundedtest"
)

// TestPasswordHangs has the password that two routers share be a pipe that nobody writes to: RPCs go on with that of before, one read
// hangs for both routers, the log says so once for each, and what is written then counts.
func TestPasswordHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	reader := new(bounded.Reader)
	logins := []*login{
		{username: "a", ref: "file:" + path, files: reader, log: zap.New(core)}, {username: "b", ref: "file:" + path, files: reader, log: zap.New(core)},
	}
	says := func(l *login) string {
		t.Helper()
		l.until = time.Time{}
		metadata, err := l.GetRequestMetadata(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return metadata["password"]
	}
	for _, l := range logins {
		if got := says(l); got != "one" {
			t.Fatalf("%s: %q", l.username, got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader.Within = 20 * time.Millisecond
	for range 3 {
		for _, l := range logins {
			if got := says(l); got != "one" {
				t.Errorf("%s: %q while the file hangs", l.username, got)
			}
		}
	}
	if hang := boundedtest.Hanging(); hang != 1 {
		t.Errorf("%d reads hang, want 1", hang)
	}
	said := logs.FilterMessageSnippet("stays in use").All()
	if len(said) != len(logins) || !strings.Contains(said[0].ContextMap()["error"].(string), path+": it hangs") {
		t.Errorf("the log: %v", said)
	}
	end, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := end.Close(); err != nil {
		t.Fatal(err)
	}
	reader.Within = time.Minute
	for _, l := range logins {
		eventually(t, "the new password is used", func() bool { return says(l) == "two" })
	}
	if logs.FilterMessageSnippet("can be read again").Len() != len(logins) {
		t.Errorf("the log: %v", logs.All())
	}
}
