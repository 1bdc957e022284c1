package duty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/detour-net/detour/internal/config/bounded"
)

// How often sources are read.
const (
	fileEvery = 5 * time.Second
	urlEvery  = time.Minute
)

// maxRota bounds a rota's file, in bytes.
const maxRota = 1 << 20

// RotaFile is a rota in a file. names are those that it may name, asked for whenever it is parsed.
func RotaFile(name, path string, names func() ([]string, error)) Source {
	return Source{
		Name: name, Every: fileEvery, Read: file(path, maxRota),
		Parse: func(raw []byte, _ time.Time) (Roster, error) {
			known, err := names()
			if err != nil {
				return nil, err
			}
			return ParseRota(path, raw, In(known))
		},
	}
}

// CalendarFile is a calendar in a file.
func CalendarFile(name, path string, names func() ([]string, error)) Source {
	return Source{Name: name, Every: fileEvery, Read: file(path, MaxCalendar), Parse: calendar(names)}
}

// CalendarURL is a calendar at an address, which is often the only secret that keeps it; no error shows it.
func CalendarURL(name, address string, names func() ([]string, error)) Source {
	return Source{Name: name, Every: urlEvery, Read: func(ctx context.Context) ([]byte, error) { return get(ctx, address) }, Parse: calendar(names)}
}

func file(path string, most int) func(context.Context) ([]byte, error) {
	var r bounded.Reader
	return func(context.Context) ([]byte, error) {
		raw, _, err := r.Read(path, most)
		return raw, err
	}
}

func calendar(names func() ([]string, error)) func([]byte, time.Time) (Roster, error) {
	return func(raw []byte, now time.Time) (Roster, error) {
		known, err := names()
		if err != nil {
			return nil, err
		}
		return ParseCalendar(raw, known, now)
	}
}

// In are the names of a list.
func In(list []string) Names {
	set := map[string]bool{}
	for _, name := range list {
		set[name] = true
	}
	return func(name string) bool { return set[name] }
}

// get fetches a calendar. It follows redirects to where the way there is no worse than the first.
func get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address cannot be read")
	}
	r.Header.Set("Accept", "text/calendar")
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if len(via) > 3 || to.URL.Scheme != via[0].URL.Scheme {
				return errors.New("it leads elsewhere too often, or out of https")
			}
			return nil
		},
	}
	resp, err := client.Do(r)
	var failed *url.Error
	switch {
	case errors.As(err, &failed):
		return nil, fmt.Errorf("get the calendar: %w", failed.Err)
	case err != nil:
		return nil, fmt.Errorf("get the calendar: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get the calendar: answered with %s", resp.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, MaxCalendar+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("get the calendar: %w", err)
	case len(raw) > MaxCalendar:
		return nil, fmt.Errorf("get the calendar: more than %d bytes", MaxCalendar)
	}
	return raw, nil
}
