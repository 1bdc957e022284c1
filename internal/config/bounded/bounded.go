// Package bounded reads files that somebody else wrote, no further than they may be long.
package bounded

import (
	"fmt"
	"io"
	"os"
)

// ReadFile returns what is in a file of at most so many bytes; of a longer one no more is read, and it is an error. Errors
// name the file.
func ReadFile(path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case len(raw) > most:
		return nil, fmt.Errorf("%s: more than %d bytes", path, most)
	}
	return raw, nil
}
