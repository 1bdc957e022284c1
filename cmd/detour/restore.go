package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/ledger"
)

// answeredWithin is how long the bus may take to be reached, and to take one commit.
const answeredWithin = time.Minute

func newLedgerRestore(c *cli) *cobra.Command {
	var file, conf string
	var w witness
	cmd := &cobra.Command{
		Use: "restore --file EXPORT|FOLDER --config FILE", Short: "Put an export or an archive onto an empty ledger", Args: takes(),
		Long: "Checks an export, or the parts of an archive in a folder, as detour ledger verify does, with checkpoints if they are given,\n" +
			"and then puts every commit onto the ledger of the configuration, byte for byte, at its position. Nothing is written unless\n" +
			"all of it is in order. The ledger must be empty, or hold the beginning of the same; no replica may be running. It may be\n" +
			"interrupted and run again. On a bus with accounts it needs what a replica may do and no more: the configuration of one\n" +
			"will do, once detour streams create has made the streams.\n\n" +
			"Checkpoints that cover more than the export say how many commits are lost: then it ends with 3, unless --lossy is given.\n" +
			"What was done in those stands on the routers: replicas notice it when they start, and freeze the network.",
	}
	lossy := cmd.Flags().Bool("lossy", false, "restore although checkpoints cover more than there is")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" || conf == "" {
			return usage("--file and --config are needed")
		}
		if err := w.open(); err != nil {
			return err
		}
		v, err := c.verifyFile(file, &w)
		if err != nil {
			return err
		}
		if err := c.mayRestore(v, *lossy); err != nil {
			return err
		}
		cfg, err := config.Load(conf)
		if err != nil {
			return &codedError{err, exitUsage}
		}
		return c.restore(cmd.Context(), cfg, file)
	}
	cmd.Flags().StringVar(&file, "file", "", "the export, or a folder with the parts of an archive")
	cmd.Flags().StringVar(&conf, "config", os.Getenv("DETOUR_CONFIG"), "configuration that says where the ledger is (DETOUR_CONFIG)")
	cmd.Flags().StringArrayVar(&w.files, "checkpoint", nil, "file with checkpoints to hold it against")
	cmd.Flags().StringArrayVar(&w.keys, "key", nil, "verifier key of the checkpoints, or a file that holds it")
	return cmd
}

// mayRestore says why what was verified may not be restored. That its end is missing may be accepted, and nothing besides.
func (c *cli) mayRestore(v *verdict, lossy bool) error {
	lost := uint64(0)
	rest := *v
	rest.Findings = slices.DeleteFunc(slices.Clone(v.Findings), func(f ledger.Finding) bool {
		end := f.Problem == ledger.Missing && f.Sure == ledger.Proven && f.Position == v.Last+1
		if end {
			lost = max(f.To, f.Position) - v.Last
		}
		return end
	})
	switch amiss := rest.amiss(); {
	case amiss != "":
		return fmt.Errorf("nothing is restored: %s", amiss)
	case lost > 0 && !lossy:
		return &codedError{fmt.Errorf("nothing is restored: of %d commits that a checkpoint covers, the last %d are not there; look for a later backup, or give --lossy", v.Last+lost, lost), exitRefused}
	case lost > 0:
		c.note("of %d commits that a checkpoint covers, the last %d are lost", v.Last+lost, lost)
	case !v.OK:
		return fmt.Errorf("nothing is restored: %s", v.first())
	}
	return nil
}

// restore puts the file onto the ledger that the configuration names.
func (c *cli) restore(ctx context.Context, cfg *config.Config, file string) (err error) {
	to := app.Bus(cfg.NATS)
	to.Name = "detour ledger restore"
	if e := cfg.NATS.Embedded; e != nil {
		server, err := bus.Embedded(e.Dir, bus.Options{Port: e.Port, Log: zap.NewNop()})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bounded(ctx, server.Shutdown)) }()
		to.Server = server
	}
	conn, err := bus.Connect(to)
	if err != nil {
		return &codedError{err, exitUsage}
	}
	defer func() { err = errors.Join(err, bounded(ctx, conn.Close)) }()
	opening, cancel := context.WithTimeout(ctx, c.within(answeredWithin))
	defer cancel()
	if err := conn.Wait(opening); err != nil {
		return whoMay(err)
	}
	l, err := ledger.Open(opening, conn.JetStream(), ledger.Config{Domain: cfg.Domain, Replicas: cfg.NATS.Replicas, SyncAlways: cfg.NATS.SyncAlways, Existing: cfg.NATS.Existing()})
	if err != nil {
		return whoMay(err)
	}
	restoring, err := l.BeginRestore(opening)
	if err != nil {
		return whoMay(err)
	}
	lines, err := openExport(file)
	if err != nil {
		return err
	}
	defer lines.Close()
	return c.restoreLines(ctx, restoring, lines)
}

// whoMay adds to an error of a bus that does not answer what it may be that it does not answer: servers say nothing to those who may
// not ask.
func whoMay(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w; whoever restores must be allowed what a replica is, to write to the ledger and to read it; what was restored stays, and is gone on from", err)
	}
	return err
}

// restoreLines puts line after line onto the ledger. A bus that takes one no more, or never would, is not waited for without end.
func (c *cli) restoreLines(ctx context.Context, restoring *ledger.Restore, lines io.Reader) error {
	added := 0
	in := bufio.NewReader(lines)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read export: %w", err)
		}
		e, err := ledger.ParseLine(line)
		if err != nil {
			return err
		}
		taking, cancel := context.WithTimeout(ctx, c.within(answeredWithin))
		is, err := restoring.Take(taking, e)
		cancel()
		if err != nil {
			return whoMay(err)
		}
		if is {
			added++
		}
	}
	last, before := restoring.End()
	if before > last {
		return fmt.Errorf("the ledger reaches position %d and the export ends at %d: it is the older of the two, and nothing was changed", before, last)
	}
	c.note("%d commits were restored, up to position %d", added, last)
	return nil
}

// bounded ends something, also when ctx has ended.
func bounded(ctx context.Context, end func(context.Context) error) error {
	const within = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	return end(ctx)
}

// openExport opens an export, or the parts of an archive in a folder one behind the other.
func openExport(name string) (io.ReadCloser, error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		f, err := os.Open(name)
		if err != nil {
			return nil, &codedError{fmt.Errorf("read export: %w", err), exitUsage}
		}
		return f, nil
	}
	parts, err := readManifest(name)
	if err == nil && len(parts) == 0 {
		err = fmt.Errorf("%s holds no archive: there is no %s", name, manifestName)
	}
	if err != nil {
		return nil, &codedError{err, exitUsage}
	}
	s := &sequence{parts: parts}
	for _, p := range parts {
		s.files = append(s.files, filepath.Join(name, filepath.Base(p.File)))
	}
	return s, nil
}

// sequence reads files one behind the other.
type sequence struct {
	parts []part // of the archive that they are
	files []string
	open  *os.File // nil: none
}

// Read is io.Reader's.
func (s *sequence) Read(p []byte) (int, error) {
	for {
		if s.open == nil {
			if len(s.files) == 0 {
				return 0, io.EOF
			}
			var err error
			if s.open, err = os.Open(s.files[0]); err != nil {
				return 0, err
			}
			s.files = s.files[1:]
		}
		n, err := s.open.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := s.Close(); err != nil || n > 0 {
			return n, err
		}
	}
}

// Close closes what is open.
func (s *sequence) Close() error {
	if s.open == nil {
		return nil
	}
	err := s.open.Close()
	s.open = nil
	return err
}

// partOf names a part of an archive so that names sort as positions do.
func partOf(domain string, from, to uint64) string {
	return fmt.Sprintf("%s-%012d-%012d%s", strings.ReplaceAll(domain, "/", "_"), from, to, partSuffix)
}
