// Prints what the kstatus library of Flux and Helm makes of each object: a JSON object on each line
// of the input, a word on each line of the output.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json" // whole numbers stay whole
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var obj unstructured.Unstructured
		if err := json.Unmarshal(lines.Bytes(), &obj.Object); err != nil {
			fail(err)
		}
		result, err := status.Compute(&obj)
		if err != nil {
			fail(err)
		}
		fmt.Println(result.Status)
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
