package config

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/detour-net/detour/internal/config/strict"
)

// TestSecretsThatHang reads pipes that nobody writes to, and files that nobody would write by hand: each is an error that names the
// file.
func TestSecretsThatHang(t *testing.T) {
	read := func(path string) error { _, err := Secret("file:"+path, ""); return err }
	for name, c := range map[string]struct {
		read func(path string) error
		most int
	}{
		"a secret":    {read, maxSecret},
		"some tokens": {func(path string) error { _, err := loadTokens(path); return err }, strict.MaxBytes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "pipe")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.read(path); err == nil || !strings.Contains(err.Error(), path+": it hangs") {
				t.Errorf("a pipe: %v", err)
			}
			long := write(t, dir, "long", strings.Repeat("#", c.most+1), 0o600)
			if err := c.read(long); err == nil || !strings.Contains(err.Error(), long+": more than ") {
				t.Errorf("a long one: %v", err)
			}
		})
	}
}
