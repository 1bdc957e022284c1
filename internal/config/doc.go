// Package config reads the service's one configuration file and everything that it names.
//
// The file is strict YAML: an unknown key, a key given twice, or a value that makes no sense is an error with file, line,
// column and remedy, and all of them are reported at once. What it does not say is a default that acts on nothing: the mode
// is dry-run, and the policy has no rule. A key stands here only if something obeys it.
//
// What the policy file and the traffic matrix hold may change while a replica runs; ParsePolicy checks such a policy as Load
// would. Every other key, and which files are named, takes a restart.
//
// Each section has its type, its defaults and its check in one file of this package. Load also reads the inventory, the
// topology and the policy, holds them against each other, and makes every path independent of the working directory.
// Secrets are never in the file: they are named as "file:PATH" or "env:NAME" and read by Secret when they are needed.
package config
