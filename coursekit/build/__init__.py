"""From lesson sources to notebooks, releases and bundles."""
