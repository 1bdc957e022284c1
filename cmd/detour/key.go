package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/internal/ledger/checkpoint"
	"github.com/detour-net/detour/internal/ledger/durable"
)

func newLedgerKey(c *cli) *cobra.Command {
	var fresh bool
	var domain string
	cmd := &cobra.Command{
		Use: "key FILE [--new]", Short: "The verifier key of a key that signs checkpoints", Args: takes("FILE"),
		Long: "Prints what verifies the checkpoints that the key in FILE signs: hand it to whoever will verify, and keep it outside of the\n" +
			"cluster. With --new the key is made first; FILE must not exist, and is for its owner's eyes only.",
		RunE: func(_ *cobra.Command, args []string) error {
			if fresh {
				if err := newKey(args[0], domain); err != nil {
					return err
				}
			}
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return &codedError{fmt.Errorf("read key: %w", err), exitUsage}
			}
			vkey, err := checkpoint.VerifierKey(strings.TrimSpace(string(raw)))
			if err != nil {
				return usage("%s: %w", args[0], err)
			}
			return c.show(struct {
				Key string `json:"verifier_key"`
			}{vkey}, func() error {
				_, err := fmt.Fprintln(c.stdout, vkey)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&fresh, "new", false, "make the key")
	cmd.Flags().StringVar(&domain, "domain", "default", "with --new: the domain whose ledger it is for")
	return cmd
}

// newKey makes a key and writes it to a file that only its owner may read. It overwrites nothing.
func newKey(name, domain string) error {
	key, _, err := checkpoint.NewKey(rand.Reader, domain)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &codedError{fmt.Errorf("write key: %w", err), exitUsage}
	}
	_, err = f.WriteString(key + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = durable.Name(name)
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}
