// Checks what Glovebox writes of a ledger with the Go project's own transparency log packages.
//
//	ledger_check <folder> <log vkey> <witness vkey> <proof file>
//
// Prints one line for each thing that it checked, and fails at the first that does not hold.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tiles reads the tiles of an exported folder, whose paths do not name the height.
type tiles string

func (t tiles) Height() int { return height }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(t), path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// cosigner verifies timestamped Ed25519 cosignatures, as c2sp.org/tlog-cosignature has them.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), msg...)
	return ed25519.Verify(c.key, signed, sig[8:])
}

func newCosigner(vkey string) cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	if hex.EncodeToString(sum[:4]) != parts[1] || raw[0] != 4 {
		log.Fatal("the witness key has another id or kind")
	}
	return cosigner{parts[0], binary.BigEndian.Uint32(sum[:4]), raw[1:]}
}

func open(raw []byte, verifiers ...note.Verifier) (tlog.Tree, int) {
	opened, err := note.Open(raw, note.VerifierList(verifiers...))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}, len(opened.Sigs)
}

func entries(folder string, size int64) [][]byte {
	var found [][]byte
	for n := int64(0); int64(len(found)) < size; n++ {
		tile := tlog.Tile{H: height, L: -1, N: n, W: int(min(256, size-n*256))}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(folder, path))
		must(err)
		for len(data) > 0 {
			end := 2 + int(binary.BigEndian.Uint16(data))
			found = append(found, data[2:end])
			data = data[end:]
		}
	}
	return found
}

func main() {
	log.SetFlags(0)
	folder, proofFile := os.Args[1], os.Args[4]
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	witness := newCosigner(os.Args[3])
	raw, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	must(err)
	tree, signatures := open(raw, verifier, witness)
	fmt.Printf("checkpoint of %d entries, %d signatures\n", tree.N, signatures)

	// The tree over the entries, computed by Go alone.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	all := entries(folder, tree.N)
	for index, entry := range all {
		hashes, err := tlog.StoredHashes(int64(index), entry, reader)
		must(err)
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	if root != tree.Hash {
		log.Fatal("the entries have another root than the checkpoint")
	}
	fmt.Printf("root over %d entries\n", len(all))

	// Every leaf out of the tiles, each of them proven against the root.
	tileReader := tlog.TileHashReader(tree, tiles(folder))
	for index, entry := range all {
		found, err := tileReader.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(index))})
		must(err)
		if found[0] != tlog.RecordHash(entry) {
			log.Fatalf("the tiles have another hash for entry %d", index)
		}
	}
	fmt.Printf("tiles of %d entries\n", len(all))

	// All earlier checkpoints are beginnings of the newest.
	paths, err := filepath.Glob(filepath.Join(folder, "checkpoints/*/*/*/*"))
	must(err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		must(err)
		old, _ := open(raw, verifier)
		proof, err := tlog.ProveTree(tree.N, old.N, tileReader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	}
	fmt.Printf("%d checkpoints are consistent\n", len(paths))

	checkProof(proofFile, verifier, witness)
}

// checkProof checks a c2sp.org/tlog-proof file whose extra data is the entry.
func checkProof(path string, verifiers ...note.Verifier) {
	raw, err := os.ReadFile(path)
	must(err)
	head, checkpoint, _ := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("no proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	tree, _ := open(checkpoint, verifiers...)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	fmt.Printf("proof of entry %d\n", index)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
