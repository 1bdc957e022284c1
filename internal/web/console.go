package web

import (
	"io/fs"
	"net/http"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/web/console"
)

// consoleCSP lets the console load its own style and modules, ask its own server, and nothing else; and no text can become
// markup there, since the browser refuses whatever would parse one.
const consoleCSP = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// pages are the console's. Its document and modules say nothing about the network, so anyone may have them: what they show
// is asked of the API, as whoever looks.
func (s *Server) pages() []route {
	rows := []route{
		{method: "GET", path: "/assets/{file}", page: true, serve: s.asset},
		{method: "GET", path: loginPath, page: true, serve: s.toProvider},
		{method: "GET", path: CallbackPath, page: true, serve: s.fromProvider},
	}
	for _, path := range []string{"/{$}", "/incidents", "/incidents/{id}", "/why", "/why/{id}", "/drains", "/handover", "/ledger", "/policy", linkPath} {
		rows = append(rows, route{method: "GET", path: path, page: true, serve: s.console})
	}
	return rows
}

func (s *Server) console(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	w.Header().Set("Content-Security-Policy", consoleCSP)
	http.ServeFileFS(w, r, console.Files, "console.html")
	return nil
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request, _ events.Person) error {
	name := "assets/" + r.PathValue("file")
	if f, err := fs.Stat(console.Files, name); err != nil || f.IsDir() {
		return noPath(r)
	}
	http.ServeFileFS(w, r, console.Files, name)
	return nil
}
