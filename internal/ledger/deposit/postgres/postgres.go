// Package postgres keeps the ledger in a PostgreSQL database, for whoever asks it questions in SQL.
//
// The table detour_ledger has a row for each commit, with its bytes as they are, and detour_records one for each record, to
// be asked about. The view detour_export gives the lines of an export, so that a database is verified like any other copy.
// Several domains may lie in the same tables (schema.sql).
//
// A batch is one transaction. It begins by taking a lock of the domain's and looking where the table ends, so several exports
// into one table do not disturb each other, and one whose connection broke while it committed finds out what became of that.
package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/deposit"
)

//go:embed schema.sql
var schema string

// Database is a deposit in a database. It connects when it is asked, and again when its connection is lost.
type Database struct {
	config *pgx.ConnConfig
	domain string
	conn   *pgx.Conn // nil: none
}

// Ours reports whether address is one of a database.
func Ours(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// New prepares a database at a URL for the ledger of a domain. The password does not stand in the URL: it is taken from PGPASSWORD,
// PGPASSFILE, ~/.pgpass, or a service file, as psql does.
func New(address, domain string) (*Database, error) {
	if domain == "" {
		return nil, errors.New("it must be known of which domain the ledger is: several may lie in the same tables")
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address of the database is no URL")
	}
	if _, given := u.User.Password(); given || u.Query().Has("password") {
		return nil, errors.New("a password stands in the address, where every process on this machine sees it: give it by PGPASSWORD, PGPASSFILE or ~/.pgpass")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the database: %w", err)
	}
	return &Database{config: config, domain: domain}, nil
}

// connect returns a connection to a database that has the schema.
func (d *Database) connect(ctx context.Context) (*pgx.Conn, error) {
	if d.conn != nil && !d.conn.IsClosed() {
		return d.conn, nil
	}
	conn, err := pgx.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, passing("connect to the database", err)
	}
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lock(ctx, tx, "schema"); err != nil { // two that make a table at once disturb each other
			return err
		}
		var there bool // then whoever exports need not be able to make it
		if err := tx.QueryRow(ctx, "select to_regclass('detour_export') is not null").Scan(&there); err != nil || there {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	}); err != nil {
		return nil, errors.Join(passing("make the table", err), conn.Close(ctx))
	}
	d.conn = conn
	return conn, nil
}

// lock holds everybody off who takes the same lock, until the transaction ends.
func lock(ctx context.Context, tx pgx.Tx, what string) error {
	_, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", "detour_ledger "+what)
	return err
}

// querier is what a connection and a transaction have in common here.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (d *Database) end(ctx context.Context, q querier) (last uint64, digest events.Digest, err error) {
	err = q.QueryRow(ctx, "select position, digest from detour_ledger where domain = $1 order by position desc limit 1", d.domain).Scan(&last, &digest)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, "", nil
	}
	return last, digest, err
}

// End is deposit.Deposit's.
func (d *Database) End(ctx context.Context) (uint64, events.Digest, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return 0, "", err
	}
	last, digest, err := d.end(ctx, conn)
	if err != nil {
		return 0, "", passing("ask where the table ends", err)
	}
	return last, digest, nil
}

// errMoved says that somebody else has added to the table.
var errMoved = errors.New("another export has added to the table meanwhile")

// Add is deposit.Deposit's.
func (d *Database) Add(ctx context.Context, batch []deposit.Kept) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	commits, records, err := rows(d.domain, batch)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lock(ctx, tx, d.domain); err != nil {
			return err
		}
		last, digest, err := d.end(ctx, tx)
		if err != nil {
			return err
		}
		if last+1 != batch[0].Position || digest != batch[0].Commit.Prev {
			return errMoved
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"detour_ledger"}, ledgerColumns(), pgx.CopyFromRows(commits)); err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"detour_records"}, recordColumns(), pgx.CopyFromRows(records))
		return err
	})
	if errors.Is(err, errMoved) {
		return &deposit.Passing{Err: err}
	}
	if err != nil {
		return passing(fmt.Sprintf("add positions %d to %d", batch[0].Position, batch[len(batch)-1].Position), err)
	}
	return nil
}

// Close ends the connection, if there is one.
func (d *Database) Close(ctx context.Context) error {
	if d.conn == nil || d.conn.IsClosed() {
		return nil
	}
	return d.conn.Close(ctx)
}

// passing wraps an error of the database. One that the server gives for a reason of ours stays for good; that it is away, restarts
// or has no room passes. Classes are those of appendix A of PostgreSQL's documentation.
func passing(what string, err error) error {
	wrapped := fmt.Errorf("%s: %w", what, err)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code[:min(2, len(said.Code))] { // of a server that sends none nobody knows the reason
		case "08", "40", "53", "57": // connection, rollback of a transaction, resources, operator's intervention
		default:
			return wrapped
		}
	}
	return &deposit.Passing{Err: wrapped}
}
