package mattermost

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signer is the key by which the server signs trigger ids.
type signer struct {
	public *ecdsa.PublicKey
	asked  time.Time // when it was last asked for
}

// askAgain is how old the known key must be to be asked for again because a signature does not fit it.
const askAgain = time.Minute

// signer returns the server's key: the known one if it was asked for after since.
func (c *Client) signer(ctx context.Context, since time.Time) (*ecdsa.PublicKey, error) {
	c.mu.Lock()
	known := c.key
	c.mu.Unlock()
	if known.public != nil && !known.asked.Before(since) {
		return known.public, nil
	}
	var config struct {
		Key string `json:"AsymmetricSigningPublicKey"` // PKIX, DER, in base64
	}
	if err := c.call(ctx, http.MethodGet, "/config/client?format=old", nil, &config); err != nil {
		return nil, fmt.Errorf("ask for the server's key: %w", err)
	}
	der, err := base64.StdEncoding.DecodeString(config.Key)
	if err != nil {
		return nil, fmt.Errorf("read the server's key: %w", err)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("read the server's key: %w", err)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("read the server's key: it is a %T, want one of ECDSA", parsed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = signer{public: public, asked: time.Now()}
	return public, nil
}

// trigger is what the server vouches for: that an account pressed something at a time.
type trigger struct {
	id      string
	account string
	at      time.Time

	signed    []byte
	signature []byte
}

var errForged = errors.New("it was not made by Mattermost and us")

// vouched reads a trigger id and checks its signature. The error is errForged if it can be told that the server has not
// made it, and another one if that cannot be told.
func (c *Client) vouched(ctx context.Context, text string) (trigger, error) {
	t, err := readTrigger(text)
	if err != nil {
		return trigger{}, fmt.Errorf("%w: %w", errForged, err)
	}
	since := time.Time{}
	for range 2 { // the server may have another key than it had
		key, err := c.signer(ctx, since)
		if err != nil {
			return trigger{}, err
		}
		sum := sha256.Sum256(t.signed)
		if ecdsa.VerifyASN1(key, sum[:], t.signature) {
			return t, nil
		}
		since = time.Now().Add(-askAgain)
	}
	return trigger{}, errForged
}

// readTrigger reads base64 of "id:account:milliseconds:signature", the signature of all before it being in base64 as well.
func readTrigger(text string) (t trigger, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return t, fmt.Errorf("read the trigger id: %w", err)
	}
	fields := strings.Split(string(raw), ":")
	if len(fields) != 4 || !isID(fields[0]) || !isID(fields[1]) {
		return t, errors.New("read the trigger id: it has not the server's form")
	}
	millis, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return t, fmt.Errorf("read the trigger id: %w", err)
	}
	if t.signature, err = base64.StdEncoding.DecodeString(fields[3]); err != nil {
		return t, fmt.Errorf("read the trigger id: %w", err)
	}
	t.id, t.account, t.at = fields[0], fields[1], time.UnixMilli(millis)
	t.signed = raw[:len(raw)-len(fields[3])]
	return t, nil
}
