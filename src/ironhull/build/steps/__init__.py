"""What the packages' maintainer scripts would have done: one module a thing, in `steps.order`."""
