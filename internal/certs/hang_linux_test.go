package certs_test

import (
	"crypto/x509"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config/bounded"
)

// TestHangingFilesChangeNothing has each file in turn be a pipe that nobody writes to: handshakes go on with what was there before,
// the log says so once, and that the new files count once they are there.
func TestHangingFilesChangeNothing(t *testing.T) {
	for name, file := range map[string]func(certs.Files) string{
		"authority":   func(f certs.Files) string { return f.CA },
		"certificate": func(f certs.Files) string { return f.Cert },
		"key":         func(f certs.Files) string { return f.Key },
	} {
		t.Run(name, func(t *testing.T) {
			files, k := filesIn(t.TempDir()), newKit(t)
			k.write(files, x509.ExtKeyUsageClientAuth)
			core, logs := observer.New(zap.InfoLevel)
			reader := new(bounded.Reader)
			s, err := certs.Open(files, reader, zap.New(core))
			if err != nil {
				t.Fatal(err)
			}
			reader.Within = 20 * time.Millisecond
			path := file(files)
			remove(t, path)
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := shake(t, demanding(t, k), s.Client("localhost")); err != nil {
					t.Errorf("what was good before is not used: %v", err)
				}
			}
			said := logs.FilterMessageSnippet("those of before stay in force").All()
			if len(said) != 1 || !strings.Contains(said[0].ContextMap()["error"].(string), path+": it hangs") {
				t.Errorf("the log: %v", said)
			}
			end, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			reader.Within = time.Minute
			remove(t, path)
			after := newKit(t)
			after.write(files, x509.ExtKeyUsageClientAuth)
			if err := end.Close(); err != nil {
				t.Fatal(err)
			}
			again := time.NewTicker(time.Millisecond)
			defer again.Stop()
			for range again.C { // what hung may take a moment to end
				if shake(t, demanding(t, after), s.Client("localhost")) == nil {
					break
				}
				if t.Context().Err() != nil {
					return
				}
			}
			if logs.FilterMessageSnippet("can be used again").Len() != 1 {
				t.Errorf("the log: %v", logs.All())
			}
		})
	}
}
