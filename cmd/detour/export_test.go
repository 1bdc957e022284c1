package main

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/detour-net/detour/internal/web"
	"github.com/detour-net/detour/internal/web/webtest"
)

// blank is a ledger on which nothing stands yet.
type blank struct{}

func (blank) LastPosition(context.Context) (uint64, error)                            { return 0, nil }
func (blank) Lines(context.Context, uint64, uint64, func(uint64, []byte) error) error { return nil }

// TestExportOfNothing: of an empty ledger nobody knows the domain, under which a database would keep what comes meanwhile. So nothing
// goes there, and it is not even asked.
func TestExportOfNothing(t *testing.T) {
	c := webtest.New().Config(web.Auth{LocalViewer: true})
	c.Ledger = blank{}
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	defer s.Close()
	var words bytes.Buffer
	code := execute(t.Context(), []string{"ledger", "export", "--into", "postgres://nobody@127.0.0.1:1/none", "--server", srv.URL, "--token-file", ""}, strings.NewReader(""), io.Discard, &words)
	if code != exitDone || !strings.Contains(words.String(), "nothing was added: the ledger is empty") {
		t.Errorf("exit code %d: %s", code, words.String())
	}
}
