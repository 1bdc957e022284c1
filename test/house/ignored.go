package house

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

// ignored is what .gitignore says, as far as this module's speaks: names with wildcards, anchored at the root if they
// hold a slash before the end. There is no negation and no "**".
type ignored []string

func readIgnored(fsys fs.FS) (ignored, error) {
	raw, err := fs.ReadFile(fsys, ".gitignore")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list ignored
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, strings.TrimSuffix(line, "/"))
		}
	}
	return list, nil
}

func (list ignored) match(name string) bool {
	for _, pattern := range list {
		subject := path.Base(name)
		if strings.Contains(pattern, "/") {
			pattern, subject = strings.TrimPrefix(pattern, "/"), name
		}
		if ok, err := path.Match(pattern, subject); ok && err == nil {
			return true
		}
	}
	return false
}
