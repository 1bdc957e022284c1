package bounded_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/config/bounded"
)

// TestReadFile: of a file without end no more is read than it may have.
func TestReadFile(t *testing.T) {
	const most = 1 << 20
	path := filepath.Join(t.TempDir(), "f.yaml")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, tt := range []struct {
		size int64
		want string
	}{{0, ""}, {most, ""}, {most + 1, path + ": more than 1048576 bytes"}, {1 << 40, path + ": more than 1048576 bytes"}} {
		if err := f.Truncate(tt.size); err != nil {
			t.Skip("no sparse files: ", err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		raw, err := bounded.ReadFile(path, most)
		runtime.ReadMemStats(&after)
		if tt.want == "" && (err != nil || int64(len(raw)) != tt.size) || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("%d bytes: %d, %v", tt.size, len(raw), err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*most {
			t.Errorf("%d bytes took %d MiB", tt.size, grown>>20)
		}
	}
	if _, err := bounded.ReadFile(path+"x", most); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := bounded.ReadFile(filepath.Dir(path), most); err == nil || !strings.Contains(err.Error(), filepath.Dir(path)) {
		t.Error(err)
	}
}
