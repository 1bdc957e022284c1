package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/ledger"
)

func newLedgerRestore(c *cli) *cobra.Command {
	var file, conf string
	var w witness
	cmd := &cobra.Command{
		Use: "restore --file EXPORT|FOLDER --config FILE", Short: "Put an export or an archive onto an empty ledger", Args: takes(),
		Long: "Checks an export, or the parts of an archive in a folder, as detour ledger verify does, with checkpoints if they are given,\n" +
			"and then puts every commit onto the ledger of the configuration, byte for byte, at its position. Nothing is written unless\n" +
			"all of it is in order. The ledger must be empty, or hold the beginning of the same; no replica may be running. It may be\n" +
			"interrupted and run again.\n\n" +
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

// mayRestore says why what was verified may not be restored. That its end is missing may be accepted.
func (c *cli) mayRestore(v *verdict, lossy bool) error {
	lost := uint64(0)
	for _, f := range v.Findings {
		if f.Problem != ledger.Missing || f.Sure != ledger.Proven || f.Position != v.Last+1 {
			if f.Problem != ledger.Unknown {
				return fmt.Errorf("nothing is restored: %s", f)
			}
			continue
		}
		lost = max(f.To, f.Position) - v.Last
	}
	switch {
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
	if err := conn.Wait(ctx); err != nil {
		return err
	}
	l, err := ledger.Open(ctx, conn.JetStream(), ledger.Config{Domain: cfg.Domain, Replicas: cfg.NATS.Replicas, SyncAlways: cfg.NATS.SyncAlways})
	if err != nil {
		return err
	}
	restoring, err := l.BeginRestore(ctx)
	if err != nil {
		return err
	}
	lines, err := openExport(file)
	if err != nil {
		return err
	}
	defer lines.Close()
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
		is, err := restoring.Take(ctx, e)
		if err != nil {
			return err
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
	s := &sequence{}
	for _, p := range parts {
		s.files = append(s.files, filepath.Join(name, filepath.Base(p.File)))
	}
	return s, nil
}

// sequence reads files one behind the other.
type sequence struct {
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
