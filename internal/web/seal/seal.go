// Package seal lets others keep what a server would have to remember: a browser its session, a person a link that works
// once.
//
// What is sealed is encrypted and authenticated (AES-256-GCM), so whoever keeps it can neither read nor change it. A Key is
// for one purpose: what was sealed for another opens as little as what was sealed under another secret. When it stops
// counting stands inside, and is for whoever opens it to judge.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// MinSecret is the fewest bytes of a secret that nobody guesses.
const MinSecret = 32

// ErrBroken says that something was not sealed with this key, or was changed since.
var ErrBroken = errors.New("it was not sealed here, or for something else, or it was changed")

// Key seals and opens for one purpose. Several goroutines may use it.
type Key struct{ aead cipher.AEAD }

// New derives the key for a purpose from a secret of at least MinSecret bytes.
func New(secret []byte, purpose string) (Key, error) {
	if len(secret) < MinSecret {
		return Key{}, fmt.Errorf("the secret has %d bytes, which can be guessed: give at least %d", len(secret), MinSecret)
	}
	const size = 32 // AES-256
	raw, err := hkdf.Key(sha256.New, secret, nil, "detour "+purpose, size)
	if err != nil {
		return Key{}, fmt.Errorf("derive a key for %s: %w", purpose, err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, fmt.Errorf("make a key for %s: %w", purpose, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, fmt.Errorf("make a key for %s: %w", purpose, err)
	}
	return Key{aead}, nil
}

// Seal returns v's JSON, sealed, as letters that may stand in a cookie and in a URL.
func (k Key) Seal(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %T: %w", v, err)
	}
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, raw, nil)), nil
}

// Open reads what Seal returned into v. The error is ErrBroken for anything else.
func (k Key) Open(sealed string, v any) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return ErrBroken
	}
	if raw, err = k.aead.Open(nil, nil, raw, nil); err != nil {
		return ErrBroken
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return ErrBroken
	}
	return nil
}
