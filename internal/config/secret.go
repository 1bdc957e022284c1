package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/detour-net/detour/internal/config/bounded"
)

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// Secret reads what ref names: "file:PATH" (relative to dir; one trailing line end is not part of it) or "env:NAME". No
// error shows the secret.
func Secret(ref, dir string) (string, error) {
	kind, where, _ := strings.Cut(ref, ":")
	switch {
	case kind == "env" && where != "":
		secret, ok := os.LookupEnv(where)
		if !ok || secret == "" {
			return "", fmt.Errorf("environment variable %s is not set", where)
		}
		return secret, nil
	case kind == "file" && where != "":
		if !filepath.IsAbs(where) {
			where = filepath.Join(dir, where)
		}
		raw, info, err := new(bounded.Reader).Read(where, maxSecret)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		if err := private(where, info); err != nil {
			return "", err
		}
		secret := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		if secret == "" {
			return "", fmt.Errorf("%s is empty", where)
		}
		return secret, nil
	}
	return "", errors.New("a secret is named as file:PATH or env:NAME, never written down here")
}

// private complains about a secret that everybody on the machine may read.
func private(path string, info fs.FileInfo) error {
	const others = 0o007
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&others != 0 {
		return fmt.Errorf("%s may be read by everybody (mode %04o): chmod o-rwx %s", path, mode, path)
	}
	return nil
}
