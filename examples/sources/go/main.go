// A program that tells how it was built, without anything but Go's own library.
package main

import (
	"fmt"
	"runtime/debug"
)

var version = "unknown"

func main() {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Println("hello of no module")
		return
	}
	fmt.Printf("hello %s, built with %s from %s\n", version, info.GoVersion, info.Path)
}
