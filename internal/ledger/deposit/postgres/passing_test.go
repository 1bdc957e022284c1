package postgres

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/detour-net/detour/internal/ledger/deposit"
)

// TestPassing tells what passes by itself from what stays, also of a server that sends no code, or half of one.
func TestPassing(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		passes bool
	}{
		{"the connection broke", errors.New("broken pipe"), true},
		{"it is shut down", &pgconn.PgError{Code: "57P01"}, true},
		{"its disk is full", &pgconn.PgError{Code: "53100"}, true},
		{"who asks may not", &pgconn.PgError{Code: "42501"}, false},
		{"no code", &pgconn.PgError{}, false},
		{"half of one", &pgconn.PgError{Code: "5"}, false},
		{"a class alone", &pgconn.PgError{Code: "57"}, true},
	} {
		err := passing("write", c.err)
		var passes *deposit.Passing
		if errors.As(err, &passes) != c.passes || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
