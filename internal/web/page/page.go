// Package page is what a browser sees at "/": the mode, whether this replica acts, what is frozen, what is drained, and
// every open incident with the sentence that says where it stands. It is rendered on the server and readable without
// script; with script it follows the event stream and replaces itself when something changes. It orders nothing.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"time"

	"github.com/detour-net/detour/internal/web/api"
)

//go:embed board.html assets
var files embed.FS

// View is what the page shows: the state of things, or, if Problem is not nil, only why it may not be shown.
type View struct {
	Problem *api.Problem
	Status  api.Status
	Ready   api.Ready
	Freezes []api.Freeze
	Windows []api.Window
	Drains  api.Drains
	Open    []api.Summary
	Ended   []api.Summary
	At      time.Time
}

// Page renders Views.
type Page struct{ t *template.Template }

// New parses the page. It is embedded and tested, so it always parses.
func New() *Page {
	t := template.New("board.html").Funcs(template.FuncMap{"clock": clock, "percent": percent, "ago": ago, "families": api.Families})
	return &Page{t: template.Must(t.ParseFS(files, "board.html"))}
}

// Render is the page as HTML.
func (p *Page) Render(v View) ([]byte, error) {
	var buf bytes.Buffer
	if err := p.t.Execute(&buf, v); err != nil {
		return nil, fmt.Errorf("render page: %w", err)
	}
	return buf.Bytes(), nil
}

// Assets are the style and the script.
func Assets() fs.FS {
	sub, err := fs.Sub(files, "assets")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// ago is how long before now t was, in its two largest units.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d", int(d.Hours())/24)
}

func percent(permil int) string { return fmt.Sprintf("%d.%d %%", permil/10, permil%10) }
