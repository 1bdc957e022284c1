package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/detour-net/detour/internal/web/api"
)

// ErrCut says that a stream ended though nobody ended it here; it may be opened again from the last position.
var ErrCut = errors.New("stream cut off")

// Changes calls fn with what has changed since position after, then with each change as it happens, until ctx ends or
// fn fails. After 0 it begins with everything open.
func (c *Client) Changes(ctx context.Context, after uint64, fn func(api.Change) error) error {
	return c.stream(ctx, "stream", after, nil, func(_ uint64, data []byte) error {
		var change api.Change
		if err := json.Unmarshal(data, &change); err != nil {
			return fmt.Errorf("read change: %w", err)
		}
		return fn(change)
	})
}

// Tail calls fn with the export's line of every commit behind position after, then of each as it is written, until ctx
// ends or fn fails.
func (c *Client) Tail(ctx context.Context, after uint64, fn func(position uint64, line []byte) error) error {
	return c.stream(ctx, "ledger/stream", 0, url.Values{"from": {strconv.FormatUint(after+1, 10)}}, fn)
}

// stream reads server-sent events; beats say nothing but that it is alive. Its error is ctx's, fn's, one of asking, or ErrCut.
func (c *Client) stream(ctx context.Context, path string, after uint64, query url.Values, fn func(id uint64, data []byte) error) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if after > 0 {
		header.Set("Last-Event-ID", strconv.FormatUint(after, 10))
	}
	resp, err := c.send(ctx, http.MethodGet, root+path, query, nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	var id uint64
	var data []byte
	var beat bool
	for {
		line, err := lines.ReadString('\n')
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == io.EOF:
			return fmt.Errorf("%w by the server", ErrCut)
		case err != nil:
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			if id, err = strconv.ParseUint(value, 10, 64); err != nil {
				return fmt.Errorf("event id %q is not a position", value)
			}
		case "event":
			beat = value == "beat"
		case "data":
			data = append(data, value...)
		case "":
			if line == "\n" && data != nil {
				if !beat {
					if err := fn(id, data); err != nil {
						return err
					}
				}
				data, beat = nil, false
			}
		}
	}
}
