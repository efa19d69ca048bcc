// MinIO, as its own main package builds it: that one sets the version by the
// linker, and says nothing else.
package main

import (
	"os"

	minio "github.com/minio/minio/cmd"
)

func main() { minio.Main(os.Args) }
